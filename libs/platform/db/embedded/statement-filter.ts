import { WireError } from './wire-frames.js';

/**
 * The one session under all connections is a superuser's, so whoever changes the session's authorization escapes. No statement of an
 * ordinary login may contain a word that could: `SET SESSION AUTHORIZATION` in any spelling, identifiers hidden by U&"", and DISCARD ALL,
 * which resets the authorization. Literal text with such a word must be sent as a bound value. A second wall stands in the database:
 * see hardenEmbedded.
 */
const CHANGES_AUTHORIZATION = /authorization|u&["']/i;
/** These would take prepared statements and subscriptions away from the other connections. */
const CLEARS_THE_SESSION = /\bdiscard\b|\bdeallocate\s+(prepare\s+)?all\b/i;

/** @throws WireError 42501 when a login that is no superuser may not send this SQL. */
export function assertAllowed(sql: string): void {
  if (CHANGES_AUTHORIZATION.test(sql) || CLEARS_THE_SESSION.test(sql)) {
    throw new WireError('42501', 'statements that change the session are refused on this connection; bind literal text as a value');
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
