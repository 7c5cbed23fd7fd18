/**
 * The database process of the embedded mode. Its stdin is its life line: the first line says what to do, and when the pipe closes it ends,
 * however the parent ended. Ctrl-C reaches the whole process group, so it leaves signals to the parent.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { vector } from '@electric-sql/pglite-pgvector';
import { Engine } from './engine.js';
import { faultOfFolder } from './folder-check.js';
import { lockFileOf, markOf, ownerLives, releaseLock, takeLock, type LockHolder } from './folder-lock.js';
import { StartOrder, type StartAnswer } from './handshake.js';
import { Multiplexer } from './multiplexer.js';

const SUPERUSER = 'postgres';
/** How long the database process of a server that was killed may need to end. */
const PREDECESSOR_ENDS_MS = 10_000;
const CLOSE_MS = 8_000;

const ignore = () => undefined;
process.on('SIGINT', ignore).on('SIGTERM', ignore);
process.stdout.on('error', ignore);
process.stderr.on('error', ignore);

const answer = (message: StartAnswer): Promise<void> =>
  new Promise((written) => process.stdout.write(`${JSON.stringify(message)}\n`, () => written()));

async function refuse(message: StartAnswer, unlock?: () => void): Promise<never> {
  unlock?.();
  await answer(message);
  process.exit(1);
}

async function lockFolder(dataDir: string, holder: LockHolder): Promise<LockHolder | null> {
  const deadline = Date.now() + PREDECESSOR_ENDS_MS;
  for (;;) {
    const other = takeLock(lockFileOf(dataDir), holder);
    if (!other || ownerLives(other) || Date.now() > deadline) return other;
    await sleep(50);
  }
}

/** Opens or makes the database. When that fails, the engine's own mark of a running server does not stay behind. */
async function openEngine(dataDir: string): Promise<{ pglite: PGlite; engine: Engine }> {
  const pidFile = join(dataDir, 'postmaster.pid');
  const hadPidFile = existsSync(pidFile);
  try {
    const pglite = await PGlite.create({ dataDir, extensions: { vector, pg_trgm, btree_gin } });
    const { rows } = await pglite.query<{ server_version: string }>('SHOW server_version');
    return { pglite, engine: new Engine(pglite, SUPERUSER, rows[0]?.server_version ?? '18') };
  } catch (error) {
    if (!hadPidFile) rmSync(pidFile, { force: true });
    throw error;
  }
}

/** Locks the folder and looks it over. @returns how to unlock it. */
async function claimFolder(dataDir: string, ownerPid: number): Promise<() => void> {
  const holder = { owner: markOf(ownerPid), engine: markOf(process.pid) };
  const other = await lockFolder(dataDir, holder);
  if (other) return refuse({ state: 'in_use', pid: ownerLives(other) ? other.owner.pid : other.engine.pid });
  const unlock = () => releaseLock(lockFileOf(dataDir), holder);
  process.on('exit', unlock);
  const fault = faultOfFolder(dataDir);
  if (fault) return refuse({ state: 'damaged', reason: fault }, unlock);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return unlock;
}

async function serve({ dataDir, ownerPid, logins, idleInTransactionMs }: StartOrder, parentGone: Promise<void>): Promise<void> {
  const unlock = dataDir.startsWith('memory:') ? () => undefined : await claimFolder(dataDir, ownerPid);
  const { pglite, engine } = await openEngine(dataDir).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    return refuse({ state: 'damaged', reason: `the database engine cannot open it (${why})` }, unlock);
  });
  const multiplexer = new Multiplexer(engine, { logins, idleInTransactionMs });
  await answer({ state: 'ready', port: await multiplexer.listen() });
  await parentGone;
  setTimeout(() => process.exit(1), CLOSE_MS).unref();
  await multiplexer.close();
  await pglite.close();
  process.exit(0);
}

const lines = createInterface({ input: process.stdin });
const parentGone = new Promise<void>((resolve) => lines.once('close', resolve));
lines.once('line', (line) => void serve(StartOrder.parse(JSON.parse(line)), parentGone));
void parentGone.then(() => setTimeout(() => process.exit(1), CLOSE_MS * 2).unref());
