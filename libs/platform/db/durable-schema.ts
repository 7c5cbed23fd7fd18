import { ensureSystemDatabase } from '@dbos-inc/dbos-sdk/internal/system_database';
import { GlobalLogger } from '@dbos-inc/dbos-sdk/internal/telemetry/logs';
import pg from 'pg';

const DURABLE_SCHEMA = 'dbos';

/** Applies what is new of the durable engine's own migrations. Two at once fail: hold the migration lock. */
export async function applyDurableMigrations(durableUrl: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: durableUrl, max: 1 });
  pool.on('error', () => undefined);
  try {
    await ensureSystemDatabase(durableUrl, new GlobalLogger(undefined, { logLevel: 'error' }), pool, DURABLE_SCHEMA, true);
  } finally {
    await pool.end();
  }
}
