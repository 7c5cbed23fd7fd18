// Row g: the look-up of an agent, as chat does it for each message, against GET of Redis.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { compare, flood, quantile, report } from './lib/measure.mjs';
import { openDb } from './lib/database.mjs';
import { Events } from '../dist/libs/platform/events/index.js';
import { AgentLookup } from '../dist/libs/features/agents/agent-lookup.js';
import { systemContext } from '../dist/libs/platform/tenancy/index.js';

const OPERATIONS = 5_000;
const AGENTS = 100;
const { db, metrics, close } = await openDb();
const redis = new Redis(process.env.BENCH_REDIS_URL ?? 'redis://127.0.0.1:6379');
const prefix = `bench:${randomUUID()}`;
const ctx = systemContext(randomUUID(), 'bench');
const ids = Array.from({ length: AGENTS }, () => randomUUID());
const tails = [];
try {
  await db.inOrg(ctx, async (tx) => {
    await tx.organization.create({ data: { id: ctx.orgId, name: 'Bench' } });
    const [at, none] = [new Date(), []];
    const agent = { description: '', instructions: '', status: 'active', version: 1, limits: {}, createdAt: at, updatedAt: at };
    await tx.agent.createMany({
      data: ids.map((id, n) => ({
        ...agent,
        orgId: ctx.orgId,
        id,
        name: `a${n}`,
        displayName: `Agent ${n}`,
        tools: none,
        withoutApproval: none,
        capabilities: none,
      })),
    });
  });
  for (const [n, id] of ids.entries()) await redis.set(`${prefix}:${id}`, JSON.stringify({ name: `a${n}`, displayName: `Agent ${n}` }));
  const lookup = new AgentLookup(db, new Events(metrics));
  const timed = (find) => async (n) => {
    const startedAt = performance.now();
    const agent = await find(ids[n % AGENTS]);
    if (!agent?.displayName) throw new Error('an agent was not found');
    return performance.now() - startedAt;
  };
  const cached = timed(async (id) => (await lookup.find(ctx.orgId, [id])).get(id));
  const results = await compare([
    {
      name: 'GET of Redis',
      round: () =>
        flood(
          OPERATIONS,
          1,
          timed(async (id) => JSON.parse(await redis.get(`${prefix}:${id}`))),
        ),
    },
    { name: 'look-up', round: () => flood(OPERATIONS, 1, async (n) => tails.push(await cached(n))) },
  ]);
  report('g, 1 in flight, entries 5 s old at most', results, 'GET of Redis', 'p95 < 20 ms, ≤ 1.3 × floor');
  process.stdout.write(`  p95 ${quantile(tails, 0.95).toFixed(4)} ms, p99.9 ${quantile(tails, 0.999).toFixed(3)} ms\n`);
} finally {
  await redis.del(ids.map((id) => `${prefix}:${id}`));
  redis.disconnect();
  await close();
}
