// The product's own door to a fresh, migrated database, in the bench's process.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshDatabase } from './server.mjs';
import { Cipher, deriveKey, loadConfig } from '../../dist/libs/platform/config/index.js';
import { Db, openDatabase } from '../../dist/libs/platform/db/index.js';
import { Log, Metrics } from '../../dist/libs/platform/observability/index.js';

/** On the PostgreSQL of BENCH_DATABASE_URL, or embedded. `close` ends and removes it. */
export async function openDb({ embedded = false, poolSize = 8 } = {}) {
  const fresh = embedded ? null : await freshDatabase();
  const config = loadConfig({ DATA_DIR: mkdtempSync(join(tmpdir(), 'atrium-bench-')), ...(fresh ? { DATABASE_URL: fresh.url } : {}) });
  const database = await openDatabase(config);
  const [log, metrics] = [new Log('error'), new Metrics()];
  const cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), 'bench'));
  const db = new Db({ appUrl: database.appUrl, systemUrl: database.systemUrl, poolSize, cipher, log, metrics });
  const close = async () => {
    await db.close();
    await database.stop();
    await fresh?.drop();
  };
  return { db, database, log, metrics, close };
}
