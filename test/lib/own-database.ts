import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cipher, type Config, deriveKey, loadConfig } from '@atrium/platform/config';
import { type Database, Db, openDatabase } from '@atrium/platform/db';
import { Log, Metrics } from '@atrium/platform/observability';
import { withClient } from './row-security.js';
import { testRun } from './run.js';

export interface OwnDatabase {
  database: Database;
  config: Config;
  db: Db;
  /** Stops and removes it. */
  drop(): Promise<void>;
}

/** A data folder of the test's own; an embedded database in it is migrated already. */
export function newDataDir(name: string): string {
  const dataDir = mkdtempSync(join(tmpdir(), `atrium-${name}-`));
  const template = process.env['ATRIUM_TEST_RUN'] ? testRun().template : null;
  if (template) cpSync(template, dataDir, { recursive: true });
  return dataDir;
}

/** A migrated database that no other test sees, in the mode of the run: for tests that break the catalogue or stop the database. */
export async function ownDatabase(): Promise<OwnDatabase> {
  const dataDir = newDataDir('own');
  const servers = process.env['DATABASE_URL'];
  const name = `atrium_own_${process.pid}_${randomBytes(3).toString('hex')}`;
  if (servers) await withClient(servers, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = servers ? new URL(servers) : null;
  if (url) url.pathname = `/${name}`;
  const config = loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'fatal', ...(url ? { DATABASE_URL: url.href } : {}) });
  const database = await openDatabase(config);
  const cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), 'stored results'));
  const db = new Db({
    appUrl: database.appUrl,
    systemUrl: database.systemUrl,
    poolSize: 5,
    cipher,
    log: new Log('fatal'),
    metrics: new Metrics(),
  });
  return {
    database,
    config,
    db,
    drop: async () => {
      await db.close();
      await database.stop();
      if (servers) await withClient(servers, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
