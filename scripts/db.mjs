// npm run db:migrate | db:revert | db:verify | db:reset | db:seed: the operator's commands on the database that the settings name.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import './env-file.mjs';

const USAGE = 'npm run db:migrate | db:revert | db:verify | db:reset | db:seed';
const dist = (path) => import(pathToFileURL(join(process.cwd(), 'dist', path)).href);
const say = (line) => process.stdout.write(`${line}\n`);

const build = spawnSync(process.execPath, ['scripts/build.mjs', '--when-needed'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const { loadConfig } = await dist('libs/platform/config/index.js');
const { DataFolderDamaged, MigrationRunner, openDatabase } = await dist('libs/platform/db/index.js');
const { startEmbedded } = await dist('libs/platform/db/embedded.js');

/** Works as the migration login; the embedded database is up only meanwhile, and refuses when a server uses its folder. */
async function asOwner(config, work) {
  if (config.databaseUrl) return work(config.databaseAdminUrl.reveal());
  const database = await startEmbedded(join(config.DATA_DIR, 'db'), { postgres: randomUUID() });
  try {
    return await work(database.url('postgres'));
  } finally {
    await database.stop();
  }
}
const withRunner = (work) => asOwner(loadConfig(), (ownerUrl) => work(new MigrationRunner(ownerUrl)));

const COMMANDS = {
  /** Applies what is new, as every start does. */
  async migrate() {
    const applied = await withRunner((runner) => runner.deploy());
    say(applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'Nothing new to apply.');
  },

  /** Takes back the latest migration, with the data of what it made. */
  async revert() {
    const name = await withRunner((runner) => runner.revert());
    say(name ? `Took back ${name}. The next start applies it again.` : 'Nothing is applied.');
  },

  async verify() {
    const checks = await withRunner((runner) => runner.verify());
    for (const { migration, failures } of checks) {
      say(`${failures.length === 0 ? 'ok    ' : 'FAILED'} ${migration}`);
      for (const failure of failures) say(`         ${failure}`);
    }
    if (checks.length === 0) say('Nothing is applied.');
    if (checks.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
  },

  /** Removes all data and migrates anew. Never in production. */
  async reset() {
    const config = loadConfig();
    if (config.production) throw new Error('db:reset removes all data and refuses to run with NODE_ENV=production.');
    if (config.databaseUrl) await asOwner(config, revertAll);
    else await removeEmbedded(config);
    for (const folder of ['blobs', 'audit']) rmSync(join(config.DATA_DIR, folder), { recursive: true, force: true });
    await COMMANDS.migrate();
  },

  /** The workspace of `npm start -- --demo`: people, a channel and the sample documents; does nothing when it is there. */
  async seed() {
    const { createApp, closeApp } = await dist('apps/api/src/create-app.js');
    const { Log } = await dist('libs/platform/observability/index.js');
    const { furnish, login, PEOPLE } = await dist('apps/demo/src/workspace.js');
    const config = loadConfig();
    if (config.production) throw new Error('db:seed makes people with known passwords and refuses to run with NODE_ENV=production.');
    const database = await openDatabase(config);
    const app = await createApp(config, database, new Log('error'));
    try {
      await app.listen(0, '127.0.0.1');
      const baseUrl = `http://127.0.0.1:${app.getHttpServer().address().port}`;
      await furnish(baseUrl);
      await documentsReady(await login(baseUrl, PEOPLE.olivia));
    } finally {
      await closeApp(app, database);
    }
    for (const { email, password } of [PEOPLE.olivia, PEOPLE.ben]) say(`${email}   password: ${password}`);
  },
};

/** By the migrations' own down.sql; the roles stay, since they belong to the whole cluster. */
async function revertAll(ownerUrl) {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'atrium\\_%' AND pid <> pg_backend_pid()`,
    );
    if (rows.length > 0) throw new Error(`${rows.length} connections of Atrium use this database. Stop its processes first.`);
    await client.query('DROP SCHEMA IF EXISTS dbos CASCADE');
  } finally {
    await client.end();
  }
  const runner = new MigrationRunner(ownerUrl);
  for (let name = await runner.revert(); name !== null; name = await runner.revert()) say(`Took back ${name}.`);
}

/** Opening the folder first tells whether a server uses it; a damaged one may go. */
async function removeEmbedded(config) {
  await asOwner(config, async () => undefined).catch((error) => {
    if (!(error instanceof DataFolderDamaged)) throw error;
  });
  rmSync(join(config.DATA_DIR, 'db'), { recursive: true, force: true });
}

/** Until their text was read, so that the next start finds them ready. */
async function documentsReady(client) {
  for (let tries = 0; tries < 240; tries++) {
    const { data } = await client.get('/v1/documents?status=processing');
    if (data.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const command = COMMANDS[process.argv[2]];
if (!command) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}
try {
  await command();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
