import { randomUUID } from 'node:crypto';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import type { OrgId } from '@atrium/contracts';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { MORE, Upkeep } from './upkeep.js';

describe('Upkeep', () => {
  let own: OwnDatabase;

  beforeAll(async () => {
    own = await ownDatabase();
  });
  afterAll(() => own.drop());

  it('removes keys that have had their time, does what was registered, and nothing else', async () => {
    const ctx = systemContext(randomUUID() as OrgId, 'upkeep');
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

    const upkeep = new Upkeep(own.db, new Log('silent'));
    let registered = 0;
    upkeep.add('a task', () => Promise.resolve(registered++ === 0 ? MORE : null));
    await upkeep.turn();

    expect(registered).toBe(2);

    expect(await own.db.readInOrg(ctx, (tx) => tx.idempotencyKey.findMany({ select: { key: true } }))).toEqual([{ key: '1' }]);
  });

  it('makes the partitions of the coming months', async () => {
    await new Upkeep(own.db, new Log('silent')).turn();

    const { rows } = await withClient(own.database.ownerUrl, (client) =>
      client.query<{ count: string }>(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass`),
    );
    expect(Number(rows[0]?.count)).toBeGreaterThanOrEqual(5);
  });
});
