import { randomUUID } from 'node:crypto';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import type { OrgId } from '@atrium/contracts';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { Upkeep } from './upkeep.js';

describe('Upkeep', () => {
  let own: OwnDatabase;

  beforeAll(async () => {
    own = await ownDatabase();
  });
  afterAll(() => own.drop());

  it('removes keys and sessions that have had their time, and nothing else', async () => {
    const ctx = systemContext(randomUUID() as OrgId, 'upkeep');
    const user = randomUUID();
    await own.db.inOrg(ctx, async (tx) => {
      for (const hours of [1, 25])
        await tx.idempotencyKey.create({
          data: {
            orgId: ctx.orgId,
            principal: 'system',
            key: `${hours}`,
            requestHash: 'x',
            createdAt: new Date(Date.now() - hours * 3_600_000),
          },
        });
    });
    await own.db.asIdentity(async (tx) => {
      await tx.user.create({ data: { id: user, email: `${user}@example.com`, displayName: 'Ann', passwordHash: 'x' } });
      for (const days of [1, -31]) {
        await tx.session.create({
          data: {
            id: randomUUID(),
            userId: user,
            orgId: ctx.orgId,
            refreshHash: `${days}`,
            transport: 'body',
            expiresAt: new Date(Date.now() + days * 86_400_000),
          },
        });
      }
    });

    await new Upkeep(own.db, new Log('silent')).turn();

    expect(await own.db.readInOrg(ctx, (tx) => tx.idempotencyKey.findMany({ select: { key: true } }))).toEqual([{ key: '1' }]);
    expect(await own.db.asIdentity((tx) => tx.session.findMany({ select: { refreshHash: true } }))).toEqual([{ refreshHash: '1' }]);
  });

  it('makes the partitions of the coming months', async () => {
    await new Upkeep(own.db, new Log('silent')).turn();

    const { rows } = await withClient(own.database.ownerUrl, (client) =>
      client.query<{ count: string }>(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass`),
    );
    expect(Number(rows[0]?.count)).toBeGreaterThanOrEqual(5);
  });
});
