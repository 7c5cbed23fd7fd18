import { WireError } from './wire-frames.js';

/**
 * The one session under all connections is a superuser's, so whoever changes the session's authorization escapes. No statement of an
 * ordinary login may contain a word that could: `SET SESSION AUTHORIZATION` in any spelling, and identifiers hidden by U&"". Literal text with such a word must be sent as a bound value. A second wall stands in the database:
 * see hardenEmbedded.
 */
const CHANGES_AUTHORIZATION = /authorization|u&["']/i;
/** These would take prepared statements and subscriptions away from the other connections. */
const CLEARS_THE_SESSION = /\bdiscard\b|\bdeallocate\s+(prepare\s+)?all\b/i;
/** The engine reads COPY data without waiting, and ends when there is none. */
const COPY = /\bcopy\b/i;
const STDIN = /\bstdin\b/i;

/** Timeouts that end the session, which all connections share, and another encoding than UTF-8, on which the engine hangs. */
const ENDS_THE_SESSION = /transaction_timeout|idle_(in_transaction_)?session_timeout|client_encoding/i;

/** @throws WireError 0A000 for what would harm the other connections, whoever asks. */
export function assertServed(sql: string): void {
  if (CLEARS_THE_SESSION.test(sql)) throw new WireError('0A000', 'the embedded database does not serve DISCARD and DEALLOCATE ALL');
  if (ENDS_THE_SESSION.test(sql)) throw new WireError('0A000', 'the embedded database does not serve this setting of the session');
  if (COPY.test(sql) && STDIN.test(sql)) throw new WireError('0A000', 'the embedded database does not serve COPY FROM STDIN');
}

/** @throws WireError 42501 when a login that is no superuser may not send this SQL. */
export function assertOrdinary(sql: string): void {
  if (CHANGES_AUTHORIZATION.test(sql)) {
    throw new WireError('42501', 'statements that could change the session are refused; bind literal text as a value');
  }
}

export interface ChannelChange {
  listen: boolean;
  /** null: every channel (`UNLISTEN *`). */
  channel: string | null;
}

const LISTEN = /(?:^|;)\s*(un)?listen\s+(?:"((?:[^"]|"")+)"|(\*)|([a-z_][\w$]*))/gi;

/** The LISTEN and UNLISTEN statements of a message, with the channel names as the engine will spell them. */
export function channelChanges(sql: string): ChannelChange[] {
  return [...sql.matchAll(LISTEN)].map(([, un, quoted, all, plain]) => ({
    listen: un === undefined,
    channel: all ? null : (quoted?.replaceAll('""', '"') ?? plain?.toLowerCase() ?? ''),
  }));
}
