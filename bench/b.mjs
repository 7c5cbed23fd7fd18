// Row b: an authenticated page of 50 messages, against Fastify with a verified-token cache and one prepared statement.
import pg from 'pg';
import { Pool } from 'undici';
import { compare, flood, report } from './lib/measure.mjs';
import { freshDatabase, startProgram, startServer, workspace } from './lib/server.mjs';

/** 1,000,000 in docs/performance.md; smaller with BENCH_MESSAGES. */
const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 1_000_000);
const CHANNELS = 100;
const REQUESTS = 200;
const IN_FLIGHT = 8;

// A secret that the floor and the peer can verify with.
process.env.JWT_SECRET ??= 'a secret of this bench alone and long enough for HS256';
const database = await freshDatabase();
const server = await startServer({ databaseUrl: database.url });
const floor = await startProgram(['bench/lib/history-floor.mjs'], { DATABASE: database.url });
const peer = await startProgram(['bench/lib/history-floor.mjs'], { DATABASE: database.url, VERIFY: 'each' });
const pools = new Map([server, floor, peer].map(({ baseUrl }) => [baseUrl, new Pool(baseUrl, { connections: IN_FLIGHT })]));
try {
  const { orgId, channelId, token } = await workspace(server.baseUrl, async ({ path, body, headers }) => {
    const answer = await pools.get(server.baseUrl).request({ method: 'POST', path, body, headers });
    return { status: answer.statusCode, text: await answer.body.text() };
  });
  await fill(orgId, channelId);
  const page = async ({ baseUrl }) => {
    const path = `/v1/channels/${channelId}/messages?limit=50`;
    const answer = await pools.get(baseUrl).request({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}: ${text}`);
    return text;
  };
  const bodies = (text) => JSON.stringify(JSON.parse(text).data.map(({ body }) => body));
  const [own, bare, other] = await Promise.all([server, floor, peer].map((one) => page(one).then(bodies)));
  if (own !== bare || own !== other || JSON.parse(own).length !== 50) throw new Error('the pages differ');
  const variant = (name, program) => ({ name, pid: program.pid, round: () => flood(REQUESTS, IN_FLIGHT, () => page(program)) });
  const results = await compare([
    variant('Fastify, token cache, one statement', floor),
    variant('Fastify, jsonwebtoken, one statement', peer),
    variant('GET /v1/channels/:id/messages', server),
  ]);
  report(`b, 50 of ${MESSAGES} messages`, results, 'Fastify, token cache, one statement', 'CPU ≤ 1.5 × floor');
} finally {
  await Promise.all([...pools.values()].map((pool) => pool.close()));
  await Promise.all([server.stop(), floor.stop(), peer.stop()]);
  await database.drop();
}

/** Messages in channels in turn, of which `channelId` is one, as the superuser that made the database. */
async function fill(orgId, channelId) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    `INSERT INTO channels (org_id, id, name, kind) SELECT $1, gen_random_uuid(), 'filled ' || n, 'public' FROM generate_series(2, $2::int) n`,
    [orgId, CHANNELS],
  );
  await client.query(
    `WITH own AS (SELECT id, row_number() OVER (ORDER BY id = $2 DESC, id) - 1 AS n FROM channels WHERE org_id = $1 LIMIT $4),
          author AS (SELECT user_id FROM members WHERE org_id = $1 LIMIT 1)
     INSERT INTO messages (org_id, id, channel_id, author_kind, author_id, body, status, seq, created_at, updated_at)
     SELECT $1, gen_random_uuid(), own.id, 'user', author.user_id, 'message ' || g || ' about nothing in particular, as long as people write', 'complete', 1000 + g, now(), now()
     FROM generate_series(1, $3::int) g JOIN own ON own.n = g % $4 CROSS JOIN author`,
    [orgId, channelId, MESSAGES, CHANNELS],
  );
  await client.query('ANALYZE');
  await client.end();
}
