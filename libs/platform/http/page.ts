import { Invalid } from '@atrium/platform/errors';
import type { Page } from '@atrium/contracts';

export const EVENT_SEQ = Symbol('event seq');

/** A list and the seq of the organization's log in the snapshot that it was read in: sent as X-Event-Seq. */
export function listed<T extends object>(list: T, seq: number): T {
  return Object.defineProperty(list, EVENT_SEQ, { value: seq, enumerable: false });
}

/** Of `limit + 1` rows the page of `limit` and, when there are more, the cursor that continues after the last. */
export function pageOf<T>(rows: T[], limit: number, cursorOf: (last: T) => (string | number)[]): Page<T> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return { data, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(cursorOf(last)) : null };
}

export function encodeCursor(parts: (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** `number` is a seq or count from 0, `int` one that fits PostgreSQL's integer. */
type CursorKind = 'string' | 'number' | 'int' | 'uuid' | 'time';

/**
 * The parts of a cursor, checked one by one; null without a cursor.
 * @throws Invalid `request.invalid` for a cursor that this server did not make.
 */
export function decodeCursor<T extends CursorKind[]>(
  cursor: string | undefined,
  kinds: [...T],
): { [I in keyof T]: T[I] extends 'number' | 'int' ? number : string } | null {
  if (cursor === undefined) return null;
  try {
    const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown;
    if (Array.isArray(parts) && parts.length === kinds.length && kinds.every((kind, index) => fits(parts[index], kind))) {
      return parts as { [I in keyof T]: T[I] extends 'number' | 'int' ? number : string };
    }
  } catch {
    // falls through to the one answer for every bad cursor
  }
  throw new Invalid('request.invalid', 'The cursor is not one of this list. Start again without it.', {
    places: [{ pointer: '?cursor', message: 'is not a cursor of this list' }],
  });
}

/** As `toISOString` writes a time that PostgreSQL can hold. */
const TIME = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const isWrittenTime = (part: string) => TIME.test(part) && !Number.isNaN(Date.parse(part)) && new Date(part).toISOString() === part;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function fits(part: unknown, kind: CursorKind): boolean {
  if (kind === 'number' || kind === 'int')
    return Number.isSafeInteger(part) && Number(part) >= 0 && (kind === 'number' || Number(part) < 2 ** 31);
  if (typeof part !== 'string' || /[\u0000\ud800-\udfff]/u.test(part)) return false;
  if (kind === 'uuid') return UUID.test(part);
  return kind === 'string' || isWrittenTime(part);
}
