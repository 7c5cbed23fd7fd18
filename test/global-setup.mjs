// Starts one database and one app for the whole run. Embedded by default; on DATABASE_URL (a database of its own there) and REDIS_URL when set.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export default async function setUp() {
  const dataDir = mkdtempSync(join(tmpdir(), 'atrium-test-'));
  const server = process.env.DATABASE_URL ? await ownDatabase(process.env.DATABASE_URL) : null;
  Object.assign(process.env, {
    DATA_DIR: dataDir,
    RATE_LIMIT_PER_MINUTE: '0',
    REFUSED_CREDENTIALS_PER_MINUTE: '0',
    HTTP_CONNECTIONS_PER_ADDRESS: '0',
    HTTP_CONNECTIONS: '0',
    // A test that loads its modules leaves its open connections alone for longer than clients do.
    REQUEST_SECONDS: '300',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    NODE_ENV: 'test',
    PORT: '0',
    HOST: '127.0.0.1',
    // So that what calls out has somewhere to call: this app itself.
    OUTBOUND_ALLOW: '127.0.0.1',
  });
  if (server) Object.assign(process.env, { DATABASE_URL: server.url, DATABASE_ADMIN_URL: server.url });
  const app = fork('test/app-process.mjs', { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = new Promise((resolve) => app.once('exit', resolve));
  const run = await Promise.race([
    new Promise((resolve) => app.once('message', resolve)),
    ended.then((code) => Promise.reject(new Error(`the app of the tests ended with code ${code} while starting`))),
  ]);
  process.env.ATRIUM_TEST_RUN = JSON.stringify(run);
  globalThis.atriumTearDown = async () => {
    app.disconnect();
    await ended;
    await server?.drop();
    for (const folder of [dataDir, run.template]) if (folder) rmSync(folder, { recursive: true, force: true });
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
