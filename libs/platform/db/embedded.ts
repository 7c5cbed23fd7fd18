import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, resolve as absolute } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { childEntry } from '@atrium/platform/config';
import pg from 'pg';
import { StartAnswer, type StartOrder } from './embedded/handshake.js';

export interface EmbeddedOptions {
  /** Called when the database process ends although nobody stopped it; with its exit code, or null when a signal ended it. */
  onExit?: (code: number | null) => void;
  /** How long a transaction may be open without a message before it is rolled back. Milliseconds, default 30,000. */
  idleInTransactionMs?: number;
  /** How long the start may take. Milliseconds, default 180,000: a busy machine is no damaged folder. */
  startMs?: number;
}

export interface EmbeddedDatabase {
  /** The connection string of one of the logins, password included. */
  url(login: string): string;
  /** The process id of the database process. */
  pid: number;
  /** Rolls back what is open, closes the folder and settles when the process has ended. */
  stop(): Promise<void>;
}

/** Another running server uses the data folder. */
export class DataFolderInUse extends Error {
  constructor(
    readonly dataDir: string,
    readonly pid: number,
  ) {
    super(`The data folder ${dataDir} is in use by process ${pid}. Stop that process, or set DATA_DIR to another folder.`);
    this.name = 'DataFolderInUse';
  }
}

/** The data folder cannot be opened. Nothing in it was changed. */
export class DataFolderDamaged extends Error {
  constructor(
    readonly dataDir: string,
    readonly reason: string,
  ) {
    super(`The data folder ${dataDir} cannot be opened: ${reason}. Restore it from a backup, or set DATA_DIR to another folder.`);
    this.name = 'DataFolderDamaged';
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
const START_MS = 180_000;
const STOP_MS = 15_000;
const ERROR_TAIL_CHARS = 2_000;

/**
 * Starts PostgreSQL in a process of its own, with pgvector, pg_trgm and btree_gin, reachable on a free loopback port by the given logins
 * only. It ends with this process, however this one ends. The superuser is `postgres`; the other logins must exist as roles before they
 * can do anything (see ensureLogins).
 *
 * @param dataDir the folder of the database, made when absent; `memory://` keeps nothing.
 * @param logins the password of each login.
 * @throws DataFolderInUse when another live server has the folder, DataFolderDamaged when it cannot be opened.
 */
export async function startEmbedded(
  dataDir: string,
  logins: Record<string, string>,
  options: EmbeddedOptions = {},
): Promise<EmbeddedDatabase> {
  const folder = dataDir.startsWith('memory:') ? dataDir : absolute(dataDir);
  if (folder === absolute(dataDir)) mkdirSync(dirname(folder), { recursive: true });
  const child = spawnEngine();
  const { pid } = child;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  tell(child, { dataDir: folder, ownerPid: process.pid, logins, idleInTransactionMs: options.idleInTransactionMs ?? 30_000 });
  const answer = await firstAnswer(child, ended, options.startMs ?? START_MS);
  if (answer.state === 'in_use') throw new DataFolderInUse(folder, answer.pid);
  if (answer.state === 'damaged' || pid === undefined) {
    throw new DataFolderDamaged(folder, answer.state === 'damaged' ? answer.reason : 'the database process could not be started');
  }
  let stopping = false;
  void ended.then((code) => {
    if (!stopping) options.onExit?.(code);
  });
  return {
    pid,
    url(login) {
      const password = logins[login];
      if (password === undefined) throw new Error(`The embedded database has no login "${login}".`);
      return `postgres://${encodeURIComponent(login)}:${encodeURIComponent(password)}@127.0.0.1:${answer.port}/postgres`;
    },
    async stop() {
      stopping = true;
      child.stdin.end();
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(force);
    },
  };
}

/**
 * The second wall of the embedded mode, whose one session is a superuser's beneath: takes from every login what could change the session's
 * authorization by a detour. Run it after the migrations, at every start; it does no harm twice.
 */
export async function hardenEmbedded(ownerUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(HARDENING);
  } finally {
    await client.end();
  }
}

/** Dynamic SQL (plpgsql, and functions made on the spot) could hide the words that the multiplexer refuses. */
const HARDENING = `
  REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC;
  REVOKE UPDATE ON pg_catalog.pg_settings FROM PUBLIC;
  REVOKE EXECUTE ON FUNCTION pg_catalog.pg_terminate_backend(int, bigint), pg_catalog.pg_cancel_backend(int) FROM PUBLIC;
  REVOKE USAGE ON LANGUAGE plpgsql, sql FROM PUBLIC;
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
  DO $$ DECLARE login text; BEGIN
    FOR login IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper LOOP
      EXECUTE format('REVOKE USAGE ON LANGUAGE plpgsql, sql FROM %I', login);
    END LOOP;
  END $$;`;

function spawnEngine(): Child {
  // The secrets of this process's environment are none of the database's business.
  const env = Object.fromEntries(
    ['PATH', 'SystemRoot', 'NODE_ENV'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  const child = spawn(process.execPath, [childEntry(import.meta.url, './embedded/server.js')], { stdio: ['pipe', 'pipe', 'pipe'], env });
  child.stdin.on('error', () => undefined);
  return child;
}

function tell(child: Child, order: StartOrder): void {
  child.stdin.write(`${JSON.stringify(order)}\n`);
}

async function firstAnswer(child: Child, ended: Promise<number | null>, startMs: number): Promise<StartAnswer> {
  let errors = '';
  child.stderr.on('data', (piece: Buffer) => {
    errors = (errors + piece.toString()).slice(-ERROR_TAIL_CHARS);
    process.stderr.write(piece);
  });
  let timer: NodeJS.Timeout | undefined;
  const answered = new Promise<StartAnswer>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      try {
        resolve(StartAnswer.parse(JSON.parse(line)));
      } catch (error) {
        reject(error);
      }
    });
    child.once('error', (error) => resolve({ state: 'damaged', reason: `the database process could not be started (${error.message})` }));
    const ending = (code: number | null) => resolve({ state: 'damaged', reason: `the database process ended (${code}) ${errors}`.trim() });
    void ended.then((code) => setImmediate(ending, code));
    timer = setTimeout(() => {
      resolve({ state: 'damaged', reason: `the database was not ready after ${startMs} ms` });
      child.kill('SIGKILL');
    }, startMs);
  });
  const answer = await answered.finally(() => clearTimeout(timer));
  if (answer.state !== 'ready' && child.pid !== undefined) await ended;
  return answer;
}
