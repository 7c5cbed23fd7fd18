import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded, type EmbeddedDatabase } from './embedded.js';
import { ensureLogins, migrateDurable, MigrationRunner } from './migrations.js';

const SERVER = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const NAME = `mig_test_${process.pid}`;
const PASSWORD = `it's "quoted" \\ and % strange`;
const LOGINS = {
  app: { name: `${NAME}_app`, password: PASSWORD },
  system: { name: `${NAME}_system`, password: PASSWORD },
  durable: { name: `${NAME}_durable`, password: PASSWORD },
};

interface Server {
  owner: string;
  url(login: string): string;
}
let embedded: EmbeddedDatabase;
const root = mkdtempSync(join(tmpdir(), 'atrium-migrations-'));
let folders = 0;

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

function folderWith(...migrations: { name: string; up: string; down?: string; verify?: string }[]): string {
  const folder = join(root, String(++folders));
  for (const { name, up, down, verify } of migrations) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'migration.sql'), up);
    if (down) writeFileSync(join(folder, name, 'down.sql'), down);
    if (verify) writeFileSync(join(folder, name, 'verify.sql'), verify);
  }
  return folder;
}

const ROLES = `DO $$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY['atrium_app','atrium_identity','atrium_system'] LOOP
  BEGIN EXECUTE format('CREATE ROLE %I NOLOGIN', r); EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END; END LOOP; END $$;`;
const plants = {
  name: '20260101000000_plants',
  up: `${ROLES} CREATE TABLE plants (id int PRIMARY KEY);`,
  down: 'DROP TABLE plants;',
  verify: `SELECT 'plants exist' AS check, to_regclass('plants') IS NOT NULL AS ok;`,
};
const names = {
  name: '20260102000000_names',
  up: `-- no-transaction
ALTER TABLE plants ADD COLUMN name text;
-- statement
CREATE INDEX CONCURRENTLY plants_name ON plants (name);`,
  down: `-- no-transaction
DROP INDEX CONCURRENTLY plants_name;
-- statement
ALTER TABLE plants DROP COLUMN name;`,
  verify: `SELECT 'index is valid' AS check, indisvalid AS ok FROM pg_index WHERE indexrelid = to_regclass('plants_name')
    UNION ALL SELECT 'no plants', (SELECT count(*) FROM plants) = 0`,
};

beforeAll(async () => {
  await query(SERVER, `CREATE DATABASE ${NAME}`);
  const logins = { postgres: 'owner' } as Record<string, string>;
  for (const { name, password } of Object.values(LOGINS)) logins[name] = password;
  embedded = await startEmbedded('memory://', logins);
}, 60_000);
afterAll(async () => {
  await embedded.stop();
  await query(SERVER, `DROP DATABASE ${NAME} WITH (FORCE)`);
  for (const { name } of Object.values(LOGINS)) await query(SERVER, `DROP ROLE IF EXISTS ${name}`);
  await query(SERVER, `DROP ROLE IF EXISTS ${NAME}_weak`);
  rmSync(root, { recursive: true, force: true });
});

const onServer = (): Server => {
  const at = (user: string) => {
    const url = new URL(SERVER);
    url.pathname = `/${NAME}`;
    if (user) url.username = user;
    return url.href;
  };
  return { owner: at(''), url: at };
};
const onEmbedded = (): Server => ({ owner: embedded.url('postgres'), url: (login) => embedded.url(login) });

describe.each([
  ['PostgreSQL', onServer],
  ['the embedded database', onEmbedded],
])('on %s', (_name, server) => {
  it('deploys, verifies, reverts and deploys again', async () => {
    const { owner } = server();
    const runner = new MigrationRunner(owner, folderWith(plants, names));

    expect(await runner.status()).toEqual([
      { name: plants.name, appliedAt: null },
      { name: names.name, appliedAt: null },
    ]);
    expect(await runner.revert()).toBeNull();
    expect(await runner.deploy()).toEqual([plants.name, names.name]);
    expect(await runner.deploy()).toEqual([]);
    expect(await runner.status()).toEqual([
      { name: plants.name, appliedAt: expect.any(Date) as Date },
      { name: names.name, appliedAt: expect.any(Date) as Date },
    ]);
    await query(owner, 'INSERT INTO plants VALUES (1)');
    expect(await runner.verify()).toEqual([
      { migration: plants.name, failures: [] },
      { migration: names.name, failures: ['no plants'] },
    ]);
    expect(await runner.revert()).toBe(names.name);
    expect(await runner.revert()).toBe(plants.name);
    expect(await runner.revert()).toBeNull();
    expect(await Promise.all([runner.deploy(), runner.deploy()])).toEqual([[plants.name, names.name], []]);
  });

  it('leaves nothing of a migration that fails, and goes on when it is mended', async () => {
    const { owner } = server();
    const broken = { name: '20260103000000_broken', up: 'CREATE TABLE half (id int); SELECT 1 / 0;' };
    await expect(new MigrationRunner(owner, folderWith(plants, names, broken)).deploy()).rejects.toThrow(
      /20260103000000_broken failed: division/,
    );
    expect(await query(owner, `SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
    expect(await new MigrationRunner(owner, folderWith(plants, names, { ...broken, up: 'SELECT 1', down: 'SELECT 1' })).deploy()).toEqual([
      broken.name,
    ]);
    expect(await new MigrationRunner(owner, folderWith(plants, names, { ...broken, down: 'SELECT 1' })).revert()).toBe(broken.name);
  });

  it('refuses a migration that was edited or lost after it was applied', async () => {
    const { owner } = server();
    const folder = folderWith(plants, names);
    appendFileSync(join(folder, plants.name, 'migration.sql'), ' ');
    await expect(new MigrationRunner(owner, folder).deploy()).rejects.toThrow(`${plants.name} was edited after it was applied`);
    await expect(new MigrationRunner(owner, folderWith(plants)).deploy()).rejects.toThrow(/program is older than its database/);
  });

  it('makes logins that may become their roles and no other, however many do it at once', async () => {
    const { owner, url } = server();
    await query(owner, `GRANT SELECT ON plants TO atrium_app`);
    await Promise.all([ensureLogins(owner, LOGINS), ensureLogins(owner, LOGINS), ensureLogins(owner, LOGINS)]);
    await query(owner, `GRANT atrium_system TO ${LOGINS.app.name}`);
    await ensureLogins(owner, LOGINS);

    const become = (login: string, role: string) => query(url(login), `BEGIN; SET LOCAL ROLE ${role}; COMMIT`);
    await become(LOGINS.app.name, 'atrium_app');
    await become(LOGINS.system.name, 'atrium_system');
    await become(LOGINS.system.name, 'atrium_identity');
    for (const role of ['atrium_system', 'atrium_identity', 'postgres']) {
      await expect(become(LOGINS.app.name, role)).rejects.toMatchObject({ code: '42501' });
    }
    await expect(become(LOGINS.system.name, 'atrium_app')).rejects.toMatchObject({ code: '42501' });
    await expect(become(LOGINS.durable.name, 'atrium_app')).rejects.toMatchObject({ code: '42501' });
    await expect(query(url(LOGINS.app.name), 'SELECT * FROM plants')).rejects.toMatchObject({ code: '42501' });
  });

  it('migrates the durable schema, twice at once and again', async () => {
    const { url } = server();
    const durable = url(LOGINS.durable.name);
    await Promise.all([migrateDurable(durable), migrateDurable(durable)]);
    await migrateDurable(durable);
    expect(await query(durable, 'SELECT count(*)::int AS n FROM dbos.workflow_status')).toEqual([{ n: 0 }]);
    await expect(query(url(LOGINS.app.name), 'SELECT * FROM dbos.workflow_status')).rejects.toMatchObject({ code: '42501' });
  }, 60_000);

  it('refuses an owner under whom backfills would silently change nothing', async () => {
    const { owner, url } = server();
    const login = LOGINS.durable.name;
    await expect(new MigrationRunner(url(login), folderWith(plants)).deploy()).rejects.toThrow(
      /superuser, or have both BYPASSRLS and CREATEROLE/,
    );
    await query(owner, `ALTER ROLE ${login} BYPASSRLS CREATEROLE`);
    const deployed = new MigrationRunner(url(login), folderWith(plants)).deploy();
    await expect(deployed).rejects.toThrow(/pgvector is not|permission denied/);
    await query(owner, `ALTER ROLE ${login} NOBYPASSRLS NOCREATEROLE`);
  });
});
