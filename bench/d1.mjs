// Row d1: memory search by meaning, 100,000 vectors of 384 dimensions in 100 organizations, against exact raw SQL inside the organization in
// the same database, and LanceDB where BENCH_LANCEDB names a folder in which `npm install --ignore-scripts @lancedb/lancedb apache-arrow` ran.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openDb } from './lib/database.mjs';
import { compare, report } from './lib/measure.mjs';
import { randomOf, vectorsOf } from './lib/vectors.mjs';
import { EmbeddingSpaces } from '../dist/libs/platform/search/embedding-spaces.js';
import { GrantSet } from '../dist/libs/platform/search/grants.js';
import { QueryVectors } from '../dist/libs/platform/search/query-vectors.js';
import { Retrieval } from '../dist/libs/platform/search/retrieval.js';
import { SearchCounter } from '../dist/libs/platform/search/search-counter.js';

const ORGANIZATIONS = Number(process.env.BENCH_ORGANIZATIONS ?? 100);
const UNITS = 1_000;
const DIMENSIONS = 384;
const QUESTIONS = 200;
const A_ROUND = 50;
const K = 10;

const draw = vectorsOf(7, DIMENSIONS, 1);
const random = randomOf(7);
const words = Array.from({ length: 5_000 }, (_, at) => `word${at}`);
const text = (count) => Array.from({ length: count }, () => words[Math.floor(random() ** 3 * words.length)]).join(' ');
const written = (vector) => `[${Array.from(vector, (value) => value.toFixed(6)).join(',')}]`;

const { db, database, log, close } = await openDb({ poolSize: 4 });
const owner = new pg.Client({ connectionString: database.ownerUrl });
await owner.connect();

const organizations = Array.from({ length: ORGANIZATIONS }, () => ({
  orgId: randomUUID(),
  units: Array.from({ length: UNITS }, () => ({ id: randomUUID(), body: text(12), vector: draw() })),
}));
const questions = Array.from({ length: QUESTIONS }, (_, at) => ({
  orgId: organizations[(at * 7) % ORGANIZATIONS].orgId,
  text: `${text(4)} q${at}`,
  vector: draw(),
}));
/** The embedder is not what is measured: it knows the questions. */
const embedder = {
  weight: 0.5,
  nearEnough: 0.5,
  space: () => Promise.resolve({ provider: 'bench', model: 'topics', dimensions: DIMENSIONS }),
  embed: (texts) => Promise.resolve(texts.map((one) => questions.find((question) => question.text === one).vector)),
  close: () => Promise.resolve(),
};
const spaces = new EmbeddingSpaces(db, { chosen: embedder, of: () => Promise.resolve(embedder) });
const { active: space } = await spaces.refresh();
const retrieval = new Retrieval(db, new QueryVectors(spaces, log));
const everyone = GrantSet.ofChannel(['org']);

const counter = new SearchCounter(db, log);
for (const { orgId, units } of organizations) {
  await owner.query(
    `INSERT INTO search_units (org_id, id, kind, subject_id, ordinal, title, body, tsv, length, grants, source)
     SELECT $1::uuid, id, 'memory', id, 0, '', body, search_lexemes(body), search_length(search_lexemes(body)), '{org}', '{}'
     FROM unnest($2::uuid[], $3::text[]) AS u(id, body)`,
    [orgId, units.map(({ id }) => id), units.map(({ body }) => body)],
  );
  await owner.query(
    `INSERT INTO search_vectors (org_id, unit_id, space, embedding) SELECT $1::uuid, id, $3::int, v::halfvec FROM unnest($2::uuid[], $4::text[]) AS u(id, v)`,
    [orgId, units.map(({ id }) => id), space.id, units.map(({ vector }) => written(vector))],
  );
  await counter.fold(orgId);
}
await owner.query('VACUUM ANALYZE search_units, search_vectors, search_terms');
const { rows: stored } = await owner.query('SELECT count(*)::int AS vectors FROM search_vectors');
if (stored[0].vectors !== ORGANIZATIONS * UNITS) throw new Error(`${stored[0].vectors} vectors are stored`);

const floor = async ({ orgId, vector }) => {
  const { rows } = await owner.query({
    name: 'floor',
    text: `SELECT unit_id AS id FROM search_vectors WHERE org_id = $1 AND space = $2 ORDER BY (embedding::halfvec(384) <=> $3::halfvec(384)) + 0 LIMIT ${K}`,
    values: [orgId, space.id, written(vector)],
  });
  return rows.map(({ id }) => id);
};
const nearest = ({ orgId, vector }) =>
  db.readInOrg({ orgId }, async (tx) => {
    const rows = await tx.$queryRaw`
      SELECT id FROM search_nearest(${space.id}::int, ${written(vector)}::halfvec, true, ${['org']}::text[], NULL::text[], NULL::jsonb, NULL::text[], now(), ${K}::int)`;
    return rows.map(({ id }) => id);
  });
const whole = async ({ orgId, text: query }) => {
  const { passages, degraded } = await retrieval.find({ orgId }, everyone, { query, limit: K, kinds: ['memory'] });
  if (degraded.length > 0 || passages.length === 0) throw new Error(`the whole search found ${passages.length}, without ${degraded}`);
};
const lance = await openLance();

const exact = new Map();
for (const question of questions) exact.set(question, await floor(question));
for (const [name, search] of [['search_nearest', nearest], ...(lance ? [['LanceDB', lance]] : [])]) {
  let same = 0;
  for (const question of questions) same += (await search(question)).filter((id) => exact.get(question).includes(id)).length;
  const recall = same / (QUESTIONS * K);
  process.stdout.write(`recall@${K} of ${name}: ${recall.toFixed(4)}\n`);
  if (recall < 0.98) throw new Error(`${name} finds too little`);
}

let next = 0;
const rounds = (search) => async () => {
  for (let n = 0; n < A_ROUND; n++) await search(questions[next++ % QUESTIONS]);
  return A_ROUND;
};
const FLOOR = 'exact, raw SQL';
const results = await compare(
  [
    { name: FLOOR, pid: process.pid, round: rounds(floor) },
    { name: 'by meaning, under row security', pid: process.pid, round: rounds(nearest) },
    { name: 'whole search: words, meaning, ranks', pid: process.pid, round: rounds(whole) },
    ...(lance ? [{ name: 'LanceDB, exact', pid: process.pid, round: rounds(lance) }] : []),
  ],
  { rounds: 20, warmUps: 2 },
);
report(`d1, ${ORGANIZATIONS} organizations of ${UNITS} × ${DIMENSIONS}`, results, FLOOR, 'p50 ≤ 1.5 × floor and ≤ 0.2 × LanceDB');

await owner.end();
await close();
process.exit(0);

/** One table with a scalar index of the organizations, no index of vectors. */
async function openLance() {
  if (!process.env.BENCH_LANCEDB) return null;
  const lancedb = createRequire(join(process.env.BENCH_LANCEDB, 'package.json'))('@lancedb/lancedb');
  const connection = await lancedb.connect(mkdtempSync(join(tmpdir(), 'atrium-lance-')));
  let table;
  for (const { orgId, units } of organizations) {
    const rows = units.map(({ id, vector }) => ({ org: orgId, id, vector: Array.from(vector) }));
    if (table) await table.add(rows);
    else table = await connection.createTable('memories', rows);
  }
  await table.optimize();
  await table.createIndex('org', { config: lancedb.Index.bitmap() });
  if ((await table.countRows()) !== ORGANIZATIONS * UNITS) throw new Error('LanceDB lacks rows');
  return async ({ orgId, vector }) => {
    const rows = await table
      .query()
      .where(`org = '${orgId}'`)
      .nearestTo(Array.from(vector))
      .distanceType('cosine')
      .select(['id', '_distance'])
      .limit(K)
      .toArray();
    return rows.map(({ id }) => id);
  };
}
