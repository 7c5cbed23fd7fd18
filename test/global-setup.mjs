// Starts one database and one app for the whole run. Embedded by default; on DATABASE_URL (a database of its own there) and REDIS_URL when set.
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';

const dist = (path) => import(pathToFileURL(join(process.cwd(), 'dist', path)).href);

export default async function setUp() {
  const dataDir = mkdtempSync(join(tmpdir(), 'atrium-test-'));
  const server = process.env.DATABASE_URL ? await ownDatabase(process.env.DATABASE_URL) : null;
  Object.assign(process.env, {
    DATA_DIR: dataDir,
    RATE_LIMIT_PER_MINUTE: '0',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    NODE_ENV: 'test',
    PORT: '0',
    HOST: '127.0.0.1',
  });
  if (server) Object.assign(process.env, { DATABASE_URL: server.url, DATABASE_ADMIN_URL: server.url });
  const { loadConfig } = await dist('libs/platform/config/index.js');
  const { openDatabase } = await dist('libs/platform/db/index.js');
  const { Log } = await dist('libs/platform/observability/index.js');
  const { closeApp, createApp } = await dist('apps/api/src/create-app.js');
  const config = loadConfig();
  const database = await openDatabase(config);
  const app = await createApp(config, database, new Log(config.LOG_LEVEL));
  await app.listen(0, '127.0.0.1');
  const { stop, ...described } = database;
  process.env.ATRIUM_TEST_RUN = JSON.stringify({
    baseUrl: `http://127.0.0.1:${app.getHttpServer().address().port}`,
    dataDir,
    database: described,
  });
  globalThis.atriumTearDown = async () => {
    await closeApp(app, database);
    await server?.drop();
  };
}

/** A fresh database on the given server, dropped at the end. */
async function ownDatabase(url) {
  const name = `atrium_test_${process.pid}_${randomBytes(3).toString('hex')}`;
  const admin = async (sql) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await admin(`CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => admin(`DROP DATABASE ${name} WITH (FORCE)`) };
}
