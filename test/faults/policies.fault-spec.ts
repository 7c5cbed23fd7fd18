import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { catalogueFindings, TABLES } from '@atrium/platform/db';
import { type OwnDatabase, ownDatabase } from '../lib/own-database.js';
import { acrossOrganizations, withClient, withoutOrganization } from '../lib/row-security.js';
import { tell } from './ground.js';

interface Policy {
  table: string;
  key: string;
}

const context = "nullif(current_setting('app.org_id', true), '')::uuid";
/** Each weakens a policy in one way; `mended` is what the migrations make. */
const MUTANTS: Record<string, (policy: Policy) => string> = {
  'USING is true': ({ table }) => `ALTER POLICY tenant ON ${table} USING (true)`,
  'WITH CHECK is true': ({ table }) => `ALTER POLICY tenant ON ${table} WITH CHECK (true)`,
  'nullif is left out': ({ table, key }) =>
    `ALTER POLICY tenant ON ${table} USING (${key} = current_setting('app.org_id', true)::uuid) WITH CHECK (${key} = current_setting('app.org_id', true)::uuid)`,
};
const mended = ({ table, key }: Policy) => `ALTER POLICY tenant ON ${table} USING (${key} = ${context}) WITH CHECK (${key} = ${context})`;

/** A row of each organization in every tenant table, whatever the table means. */
async function fill(client: pg.Client, orgIds: string[]): Promise<void> {
  await client.query('BEGIN; SET LOCAL session_replication_role = replica');
  for (const table of TABLES.tenant) {
    const { rows: columns } = await client.query<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef`,
      [table],
    );
    const { rows: checks } = await client.query<{ name: string }>(
      `SELECT conname AS name FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'`,
      [table],
    );
    for (const { name } of checks) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT "${name}"`);
    const key = keyOf(table);
    for (const orgId of orgIds) {
      const values = columns.map(({ name, type }) => (name === key ? `'${orgId}'` : valueOf(type)));
      await client.query(`INSERT INTO ${table} (${columns.map(({ name }) => `"${name}"`).join()}) VALUES (${values.join()})`);
    }
  }
  await client.query('COMMIT');
}

const keyOf = (table: string) => (table === 'organizations' ? 'id' : 'org_id');

function valueOf(type: string): string {
  if (type === 'uuid') return `'${randomUUID()}'`;
  if (type.endsWith('[]') || type === 'jsonb') return `'{}'`;
  if (/timestamp/.test(type)) return 'now()';
  if (/int|numeric|double|real/.test(type)) return '1';
  if (type === 'boolean') return 'false';
  if (type === 'bytea' || type === 'tsvector') return `''`;
  if (type.endsWith('halfvec')) return `'[1]'`;
  return `'${randomUUID()}'`;
}

describe('TN7: a weakened policy is found', () => {
  let own: OwnDatabase;
  const [a, b] = [randomUUID(), randomUUID()];

  beforeAll(async () => {
    own = await ownDatabase();
    await withClient(own.database.ownerUrl, (client) => fill(client, [a, b]));
  });
  afterAll(() => own.drop());

  /** What the attempts of the app role find on one table, and what the boot check finds in the catalogue. */
  const attempted = async (table: string) => [
    ...(await withoutOrganization(own.database.appUrl, a, [table])),
    ...(await acrossOrganizations(own.database.appUrl, a, b, [table])),
  ];
  const catalogued = () => catalogueFindings(own.db, own.database.logins);

  it('finds nothing as long as the policies are whole', async () => {
    const found: string[] = [];
    for (const table of TABLES.tenant) found.push(...(await attempted(table)));

    expect(found).toEqual([]);
    expect(await catalogued()).toEqual([]);
  });

  it.each(Object.entries(MUTANTS))('on each tenant table, when %s', async (mutation, weaken) => {
    const survivors: string[] = [];
    let byAttempt = 0;
    await withClient(own.database.ownerUrl, async (client) => {
      for (const table of TABLES.tenant) {
        const policy = { table, key: keyOf(table) };
        await client.query(weaken(policy));
        const [attempts, catalogue] = [await attempted(table), await catalogued()];
        await client.query(mended(policy));
        if (attempts.length > 0) byAttempt += 1;
        else survivors.push(`${table}: no attempt succeeded`);
        if (!catalogue.some((finding) => finding.startsWith(`table ${table}: `)))
          survivors.push(`${table}: not in the catalogue's findings`);
      }
    });

    tell(`TN7 ${mutation}: ${TABLES.tenant.length} mutants, ${byAttempt} found by attempts`);
    expect(survivors).toEqual([]);
    expect(await catalogued()).toEqual([]);
  });
});
