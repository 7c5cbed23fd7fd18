import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** The lock that Prisma's migrate takes too. */
const MIGRATE_LOCK = 72707369;
const ASK_EVERY_MS = 200;
/** Session locks do not part connections of the embedded database, which share one session: within the process they queue here. */
let queue: Promise<unknown> = Promise.resolve();

/**
 * Runs `work` while no other migration runs, in this process or another. The lock is the session's and not a transaction's, because some
 * migrations must run outside a transaction. Do not nest.
 */
export function withMigrationLock<T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const result = queue.then(() => lockAndRun(ownerUrl, work));
  queue = result.catch(() => undefined);
  return result;
}

async function lockAndRun<T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: ownerUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await takeLock(client);
    try {
      return await work(client);
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [MIGRATE_LOCK]).catch(() => undefined);
    }
  } finally {
    await client.end();
  }
}

/**
 * Asks again and again instead of waiting in the database: a waiting statement holds a snapshot, for whose end CREATE INDEX CONCURRENTLY in
 * the migration of whoever has the lock would wait in turn.
 */
async function takeLock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [MIGRATE_LOCK]);
    if (rows[0]?.taken) return;
    await pause(ASK_EVERY_MS);
  }
}
