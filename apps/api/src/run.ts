import type { INestApplicationContext } from '@nestjs/common';
import { EmbedderFolderBroken } from '@atrium/platform/ai';
import { type Config, ConfigError, loadConfig } from '@atrium/platform/config';
import { BootRefused, type Database, DataFolderDamaged, DataFolderInUse, MigrationRefused, openDatabase } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';

/** How long an orderly end may take before it is cut. Milliseconds. */
const STOP_MS = 10_000;

/** The server cannot listen where HOST and PORT say; its message says what to do. */
export class CannotListen extends Error {}

/**
 * Runs a process from its settings to its end: opens the database, builds, and ends in order on SIGINT, SIGTERM or a fault that nobody
 * caught. `check` comes before anything is opened. What an operator can mend is said on stderr in plain words, without a stack.
 */
export async function run(
  build: (config: Config, database: Database, log: Log) => Promise<INestApplicationContext>,
  check: (config: Config) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  let log: Log | undefined;
  try {
    const config = loadConfig();
    log = new Log(config.LOG_LEVEL);
    await check(config);
    let stop: (code: number) => void = (code) => process.exit(code);
    const opening = openDatabase(config, (code) => {
      log?.fatal('the embedded database ended', { reason: `exit code ${code ?? 'none'}` });
      stop(1);
    });
    // Loading the app takes as long as opening the database.
    const [database, { closeApp }] = await Promise.all([opening, import('./create-app.js')]);
    const app = await build(config, database, log).catch(async (error: unknown) => {
      await database.stop();
      throw error;
    });
    stop = once((code) => {
      setTimeout(() => process.exit(code || 1), STOP_MS).unref();
      void closeApp(app, database).then(
        () => process.exit(code),
        (error: unknown) => {
          log?.fault('the end was not orderly', error);
          process.exit(1);
        },
      );
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(0));
    for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(fault, (error: unknown) => {
        log?.fault('a fault that nobody caught; this process ends', error);
        stop(1);
      });
    }
  } catch (error) {
    if (isOperators(error)) process.stderr.write(`${error.message}\n`);
    else if (log) log.fault('the start failed', error);
    else process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  }
}

function isOperators(error: unknown): error is Error {
  if (
    [ConfigError, BootRefused, DataFolderInUse, DataFolderDamaged, MigrationRefused, EmbedderFolderBroken, CannotListen].some(
      (kind) => error instanceof kind,
    )
  )
    return true;
  if (!(error instanceof Error)) return false;
  const advice = ADVICE[(error as NodeJS.ErrnoException).code ?? ''];
  if (advice !== undefined) error.message = advice;
  return advice !== undefined;
}

const UNREACHABLE = 'The database cannot be reached. Check that it runs, and the host and port in DATABASE_URL and DATABASE_ADMIN_URL.';
const REFUSED = 'The database refused the login. Check user, password and database in DATABASE_URL and DATABASE_ADMIN_URL.';
/** What an operator can do about an error that the system or PostgreSQL tells by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT'].map((code) => [code, UNREACHABLE]),
  ),
  ...Object.fromEntries(['28P01', '28000', '3D000'].map((code) => [code, REFUSED])),
};

function once(fn: (code: number) => void): (code: number) => void {
  let called = false;
  return (code) => {
    if (called) return;
    called = true;
    fn(code);
  };
}
