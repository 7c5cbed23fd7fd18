import { DomainError, Invalid, Unavailable } from '@atrium/platform/errors';

/** PostgreSQL's SQLSTATE of a failed query, wherever Prisma has put it; null when it is no database error. */
export function sqlState(error: unknown): string | null {
  const seen = error as {
    code?: unknown;
    meta?: { code?: unknown; driverAdapterError?: { cause?: { originalCode?: unknown; code?: unknown } } };
    cause?: { originalCode?: unknown };
  } | null;
  const adapter = seen?.meta?.driverAdapterError?.cause;
  for (const code of [adapter?.originalCode, adapter?.code, seen?.meta?.code, seen?.cause?.originalCode, seen?.code]) {
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^P\d{4}$/.test(code)) return code;
  }
  return null;
}

export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505' || (error as { code?: unknown } | null)?.code === 'P2002';
}

/** Prisma's codes of a lost connection, a full pool and a transaction that could not start or was lost. */
const LOST = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT']);

/** A text that PostgreSQL has no form for, and a time outside of those that it can hold. */
const [NO_TEXT, NO_TIME] = ['22021', '22008'];

/** A database that is away becomes a clear 503, what it has no form for a clear refusal; everything else stays what it is. */
export function translateDatabaseError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const state = sqlState(error);
  if (state === NO_TEXT) return new Invalid('request.invalid', 'A text holds a NUL character. Send it without.', { cause: error });
  if (state === NO_TIME) return new Invalid('request.invalid', 'A time lies outside of the years 1 to 9999.', { cause: error });
  const message = error instanceof Error ? error.message : '';
  const lost =
    (typeof code === 'string' && LOST.has(code)) ||
    (state !== null && /^(08|57P0|53300|25P03)/.test(state)) ||
    /connection terminated|connection ended|ConnectionClosed|closed the connection|timeout exceeded when trying to connect|query read timeout|ECONNREFUSED|ECONNRESET|Can't reach database|not queryable/i.test(
      message,
    );
  if (!lost) return error;
  return new Unavailable(
    'request.database_unavailable',
    'The database cannot be reached. Try again in a moment, with the same Idempotency-Key if you sent one.',
    {
      retryAfterSeconds: 2,
      cause: error,
    },
  );
}
