// Row a2: the acknowledgement of a post, 1 and 16 in flight, against one bare PostgreSQL transaction that inserts the same row.
import pg from 'pg';
import { Pool } from 'undici';
import { compare, flood, report } from './lib/measure.mjs';
import { freshDatabase, startServer, workspace } from './lib/server.mjs';

const OPERATIONS = { 1: 60, 16: 320 };
const BODY = 'The quick brown fox jumps over the lazy dog, and nobody asks why.';

const database = await freshDatabase();
const server = await startServer({ databaseUrl: database.url });
const http = new Pool(server.baseUrl, { connections: 16 });
const request = async ({ path, body, headers }) => {
  const answer = await http.request({ method: 'POST', path, body, headers });
  return { status: answer.statusCode, text: await answer.body.text() };
};
const raw = new pg.Pool({ connectionString: database.url, max: 16 });
let posted = 0;
let inserted = 0;
try {
  const { post, orgId, channelId } = await workspace(server.baseUrl, request);
  await raw.query(
    'CREATE TABLE bench_messages (org_id uuid, id uuid PRIMARY KEY DEFAULT gen_random_uuid(), channel_id uuid, body text, created_at timestamptz DEFAULT now())',
  );
  const insert = async () => {
    const client = await raw.connect();
    try {
      await client.query('BEGIN');
      await client.query('INSERT INTO bench_messages (org_id, channel_id, body) VALUES ($1, $2, $3)', [orgId, channelId, BODY]);
      await client.query('COMMIT');
      inserted++;
    } finally {
      client.release();
    }
  };
  for (const inFlight of [1, 16]) {
    const count = OPERATIONS[inFlight];
    const results = await compare([
      { name: 'one pg transaction', pid: process.pid, round: () => flood(count, inFlight, insert) },
      {
        name: 'POST /v1/channels/:id/messages',
        pid: server.pid,
        round: () => flood(count, inFlight, () => post(BODY).then(() => posted++)),
      },
    ]);
    report(`a2, ${inFlight} in flight`, results, 'one pg transaction', '≤ 2 × floor');
  }
  const { rows } = await raw.query(
    'SELECT (SELECT count(*) FROM messages)::int AS messages, (SELECT count(*) FROM bench_messages)::int AS bare, (SELECT count(*) FROM events WHERE type = $1)::int AS events',
    ['chat.message_posted'],
  );
  if (rows[0].messages !== posted || rows[0].events !== posted || rows[0].bare !== inserted)
    throw new Error(`not everything was stored: ${JSON.stringify(rows[0])} of ${posted} and ${inserted}`);
} finally {
  await http.close();
  await raw.end();
  await server.stop();
  await database.drop();
}
