// Row h: a command with its event, which is its audit record, against the same command without; same process, same connection pool.
import { randomUUID } from 'node:crypto';
import { compare, flood, report } from './lib/measure.mjs';
import { openDb } from './lib/database.mjs';
import { Events } from '../dist/libs/platform/events/index.js';
import { systemContext } from '../dist/libs/platform/tenancy/index.js';

const OPERATIONS = 200;
const { db, database, metrics, close } = await openDb({ embedded: process.argv.includes('--embedded') });
const events = new Events(metrics);
const organizations = Array.from({ length: 8 }, () => ({ ctx: systemContext(randomUUID(), 'bench'), channelId: randomUUID(), audited: 0 }));
const now = new Date();
const message = ({ ctx, channelId }) => ({
  orgId: ctx.orgId,
  id: randomUUID(),
  channelId,
  authorKind: 'user',
  authorId: randomUUID(),
  body: 'hello',
  status: 'complete',
  seq: 0n,
  createdAt: now,
  updatedAt: now,
});
try {
  for (const { ctx, channelId } of organizations) {
    await db.inOrg(ctx, async (tx) => {
      await tx.organization.create({ data: { id: ctx.orgId, name: 'Bench' } });
      await events.open(tx, ctx);
      await tx.channel.create({ data: { orgId: ctx.orgId, id: channelId, name: 'bench', kind: 'public' } });
    });
  }
  const command = (withEvent, among) => (n) => {
    const organization = organizations[n % among];
    const { ctx, channelId } = organization;
    return db.inOrg(ctx, async (tx) => {
      const row = message(organization);
      const event = withEvent
        ? await events.append(tx, ctx, {
            type: 'chat.message_posted',
            subject: { kind: 'message', id: row.id },
            audience: `channel:${channelId}`,
            data: { channelId },
          })
        : null;
      await tx.message.create({ data: { ...row, seq: BigInt(event?.seq ?? 0) } });
      if (event) organization.audited++;
    });
  };
  for (const [inFlight, among] of [
    [1, 1],
    [8, 1],
    [8, 8],
  ]) {
    const results = await compare([
      { name: 'without its event', pid: process.pid, round: () => flood(OPERATIONS, inFlight, command(false, among)) },
      { name: 'with its event', pid: process.pid, round: () => flood(OPERATIONS, inFlight, command(true, among)) },
    ]);
    const title = `h, ${inFlight} in flight, ${among} organization${among > 1 ? 's' : ''}, ${database.mode}`;
    report(title, results, 'without its event', 'throughput ≥ 0.85 ×, that is ≤ 1.18 × the time');
  }
  for (const { ctx, audited } of organizations) {
    const head = await db.readInOrg(ctx, (tx) => events.head(tx, ctx));
    if (head !== audited) throw new Error(`${audited} events were acknowledged, the log ends at ${head}`);
  }
} finally {
  await close();
}
