import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { TABLES } from '@atrium/platform/db';

/** Tables whose organization is another column than org_id. */
const KEYS: Readonly<Record<string, string>> = { organizations: 'id' };
const keyOf = (table: string) => KEYS[table] ?? 'org_id';

type Outcome = { rows: number } | { refused: string };

/** Runs one statement as the app role of a login, in a transaction that is rolled back; `orgId` undefined: no organization at all. */
async function attempt(client: pg.Client, orgId: string | undefined, sql: string): Promise<Outcome> {
  await client.query(`BEGIN; SET LOCAL ROLE atrium_app${orgId === undefined ? '' : `; SET LOCAL app.org_id = '${orgId}'`}`);
  try {
    const result = await client.query(sql);
    return { rows: result.rowCount ?? 0 };
  } catch (error) {
    return { refused: (error as { code?: string }).code ?? 'unknown' };
  } finally {
    await client.query('ROLLBACK');
  }
}

const harmless = (outcome: Outcome) => ('refused' in outcome ? outcome.refused === '42501' : outcome.rows === 0);
const refused = (outcome: Outcome, ...codes: string[]) => 'refused' in outcome && codes.includes(outcome.refused);
const shown = (outcome: Outcome) => ('refused' in outcome ? `failed with ${outcome.refused}` : `touched ${outcome.rows} rows`);

/** TN4: the app role without an organization sees and changes nothing; on a fresh connection and on one that was used before. */
export async function withoutOrganization(appUrl: string, orgId: string, tables: readonly string[] = TABLES.tenant): Promise<string[]> {
  const findings: string[] = [];
  for (const used of [false, true]) {
    await withClient(appUrl, async (client) => {
      if (used) await attempt(client, orgId, 'SELECT 1');
      for (const table of tables) {
        const key = keyOf(table);
        const outcomes: [string, Outcome, boolean][] = [
          ['SELECT', await attempt(client, undefined, `SELECT ${key} FROM ${table}`), false],
          ['UPDATE', await attempt(client, undefined, `UPDATE ${table} SET ${key} = ${key}`), false],
          ['DELETE', await attempt(client, undefined, `DELETE FROM ${table}`), false],
          ['INSERT', await attempt(client, undefined, `INSERT INTO ${table} (${key}) VALUES ('${randomUUID()}')`), true],
        ];
        for (const [command, outcome, isInsert] of outcomes) {
          const fine = isInsert ? refused(outcome, '42501') : harmless(outcome);
          if (!fine)
            findings.push(`${command} on ${table} without an organization (${used ? 'used' : 'fresh'} connection) ${shown(outcome)}`);
        }
      }
    });
  }
  return findings;
}

/** TN5: the app role in one organization can neither see, change nor enter another, nor hang a row below a foreign parent. */
export async function acrossOrganizations(
  appUrl: string,
  own: string,
  other: string,
  tables: readonly string[] = TABLES.tenant,
): Promise<string[]> {
  const findings: string[] = [];
  await withClient(appUrl, async (client) => {
    for (const table of tables) {
      const key = keyOf(table);
      const foreign = `${key} = '${other}'`;
      const checks: [string, Outcome, boolean][] = [
        ['SELECT', await attempt(client, own, `SELECT ${key} FROM ${table} WHERE ${foreign}`), false],
        ['SELECT of all', await attempt(client, own, `SELECT ${key} FROM ${table} WHERE ${key} <> '${own}'`), false],
        ['UPDATE', await attempt(client, own, `UPDATE ${table} SET ${key} = ${key} WHERE ${foreign}`), false],
        ['DELETE', await attempt(client, own, `DELETE FROM ${table} WHERE ${foreign}`), false],
        ['INSERT', await attempt(client, own, `INSERT INTO ${table} (${key}) VALUES ('${other}')`), true],
        ['move of own rows', await attempt(client, own, `UPDATE ${table} SET ${key} = '${other}'`), false],
      ];
      for (const [what, outcome, isInsert] of checks) {
        const fine = isInsert ? refused(outcome, '42501') : harmless(outcome);
        if (!fine) findings.push(`${what} on ${table} in another organization ${shown(outcome)}`);
      }
    }
    findings.push(...(await foreignParents(client, own, other)));
  });
  return findings;
}

/** Own rows pointed at another organization's parents: the composite foreign key refuses (23503), or the role may not change the column. */
async function foreignParents(client: pg.Client, own: string, other: string): Promise<string[]> {
  const { rows } = await client.query<{ table: string; columns: string[]; target: string; keys: string[] }>(`
    SELECT f.conrelid::regclass::text AS "table", f.confrelid::regclass::text AS target,
      (SELECT array_agg(a.attname::text ORDER BY k.o) FROM unnest(f.conkey) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n) AS columns,
      (SELECT array_agg(a.attname::text ORDER BY k.o) FROM unnest(f.confkey) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.n) AS keys
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND n.nspname = 'public' AND NOT c.relispartition AND array_length(f.conkey, 1) > 1`);
  const findings: string[] = [];
  for (const link of rows) {
    const [, column] = link.columns;
    const [, key] = link.keys;
    const parent = await readAs(client, other, `SELECT ${key}::text AS id FROM ${link.target} LIMIT 1`);
    if (!parent || !column) continue;
    const outcome = await attempt(client, own, `UPDATE ${link.table} SET ${column} = '${parent}'; SET CONSTRAINTS ALL IMMEDIATE`);
    if (!refused(outcome, '23503', '42501', '23505') && !('rows' in outcome && outcome.rows === 0))
      findings.push(`${link.table}.${column} accepted a parent of another organization: ${shown(outcome)}`);
  }
  return findings;
}

async function readAs(client: pg.Client, orgId: string, sql: string): Promise<string | null> {
  await client.query(`BEGIN; SET LOCAL ROLE atrium_app; SET LOCAL app.org_id = '${orgId}'`);
  try {
    return (await client.query<{ id: string }>(sql)).rows[0]?.id ?? null;
  } finally {
    await client.query('ROLLBACK');
  }
}

/** A client of its own, closed at the end. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
