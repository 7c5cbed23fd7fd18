import { randomUUID } from 'node:crypto';
import type { OrgId } from '@atrium/contracts';
import type { Client } from 'pg';
import type { Tx } from '@atrium/platform/db';
import { systemContext } from '@atrium/platform/tenancy';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { vectorsOf } from '../../../bench/lib/vectors.mjs';
import { EXACT_UNITS, vectorText } from './vector-filler.js';

const SEED = Number(process.env['RECALL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** The largest can be smaller while writing. */
const SIZES = [100, 5_000, Number(process.env['RECALL_UNITS'] ?? 50_000)];
const DIMENSIONS = 384;
const QUESTIONS = 100;
const K = 10;

let own: OwnDatabase;
beforeAll(async () => {
  own = await ownDatabase();
}, 120_000);
afterAll(() => own.drop());

it(`finds at least 0.98 of the nearest ${K} in organizations of ${SIZES.join(', ')} units of one partition (seed ${SEED})`, async () => {
  const recalls: Record<number, number> = {};
  await withClient(own.database.ownerUrl, async (owner) => {
    const space = await newSpace(owner);
    const organizations = [];
    for (const [at, units] of SIZES.entries()) {
      const orgId = await organizationOfPartition(owner, 0);
      // The same seed of clusters for all: what is near in one organization has its like in the others.
      const draw = vectorsOf(SEED, DIMENSIONS, at + 1);
      await insert(owner, orgId, space, units, draw);
      organizations.push({ orgId, units, questions: Array.from({ length: QUESTIONS }, () => vectorText(draw())) });
    }
    await owner.query('ANALYZE search_vectors, search_units');
    for (const { orgId } of organizations) await owner.query('SELECT index_search_vectors($1, $2, $3)', [orgId, space, EXACT_UNITS]);
    // The embedded engine has none: it searches exactly, whatever the size.
    const { rows: indexes } = await owner.query(`SELECT 1 FROM pg_indexes WHERE indexname LIKE 'search_vectors_0_hnsw_%'`);
    expect(indexes).toHaveLength(own.database.mode === 'servers' ? 1 : 0);
    for (const { orgId, units, questions } of organizations) {
      let same = 0;
      for (const question of questions) {
        const exact = await exactNearest(owner, orgId, space, question);
        expect(exact).toHaveLength(K);
        const found = await own.db.readInOrg(systemContext(orgId, 'test'), (tx) => nearest(tx, space, question, units <= EXACT_UNITS));
        same += found.filter((id) => exact.includes(id)).length;
      }
      recalls[units] = same / (QUESTIONS * K);
    }
  });
  process.stdout.write(`recall@${K} (${own.database.mode}, seed ${SEED}): ${JSON.stringify(recalls)}\n`);
  for (const units of SIZES) expect({ units, enough: (recalls[units] ?? 0) >= 0.98 }).toEqual({ units, enough: true });
}, 1_200_000);

async function nearest(tx: Tx, space: number, vector: string, exact: boolean): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM search_nearest(${space}::int, ${vector}::halfvec, ${exact}::boolean, ${['org']}::text[], NULL::text[], NULL::jsonb, NULL::text[], now(), ${K}::int)`;
  return rows.map(({ id }) => id);
}

/** By a scan of all of the organization's vectors: `+ 0` keeps the index out. */
async function exactNearest(owner: Client, orgId: OrgId, space: number, vector: string): Promise<string[]> {
  const { rows } = await owner.query<{ id: string }>(
    `SELECT unit_id AS id FROM search_vectors WHERE org_id = $1 AND space = $2 ORDER BY (embedding <=> $3::halfvec) + 0 LIMIT $4`,
    [orgId, space, vector, K],
  );
  return rows.map(({ id }) => id);
}

async function newSpace(owner: Client): Promise<number> {
  const { rows } = await owner.query<{ id: number }>(
    `INSERT INTO embedding_spaces (provider, model, dimensions) VALUES ('test', 'clusters', $1) RETURNING id`,
    [DIMENSIONS],
  );
  return rows[0]?.id ?? 0;
}

async function organizationOfPartition(owner: Client, partition: number): Promise<OrgId> {
  for (;;) {
    const id = randomUUID();
    const { rows } = await owner.query<{ here: boolean }>(
      `SELECT satisfies_hash_partition('search_vectors'::regclass, 16, $2, $1::uuid) AS here`,
      [id, partition],
    );
    if (rows[0]?.here) return id as OrgId;
  }
}

async function insert(owner: Client, orgId: string, space: number, units: number, draw: () => Float32Array): Promise<void> {
  const page = 1_000;
  for (let at = 0; at < units; at += page) {
    const ids = Array.from({ length: Math.min(page, units - at) }, () => randomUUID());
    await owner.query(
      `INSERT INTO search_units (org_id, id, kind, subject_id, ordinal, title, body, tsv, length, grants, source)
       SELECT $1::uuid, id, 'document', id, 0, '', 'text', 'text'::tsvector, 1, '{org}', '{}' FROM unnest($2::uuid[]) id`,
      [orgId, ids],
    );
    await owner.query(
      `INSERT INTO search_vectors (org_id, unit_id, space, embedding)
       SELECT $1::uuid, id, $3::int, vector::halfvec FROM unnest($2::uuid[], $4::text[]) AS v(id, vector)`,
      [orgId, ids, space, ids.map(() => vectorText(draw()))],
    );
  }
}
