import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { keepAside } from './aside.js';

/** A process that works on a batch is believed dead after so long without a sign. */
const HOLD_SECONDS = 10;
/** After so many tries an event is set aside in event_failures, and the subscriber goes on. */
export const MAX_ATTEMPTS = 8;

/** One claim of a subscriber's cursor. Whoever takes it over holds it by another id, and this one changes nothing any more. */
export interface Hold {
  readonly orgId: OrgId;
  readonly subscriber: string;
  readonly id: string;
  /** The tries of the event right behind the cursor, this one included. */
  readonly attempts: number;
  /** Whoever held it before ended without a word. */
  readonly inherited: boolean;
}

/** Holds the cursor, made when there is none; null when it is held, or waits for a retry. The try is counted here. */
export async function holdCursor(tx: Tx, orgId: OrgId, subscriber: string): Promise<{ hold: Hold; seq: number; head: number } | null> {
  const held = await take(tx, orgId, subscriber);
  if (held) return held;
  const made =
    await tx.$executeRaw`INSERT INTO event_cursors (org_id, subscriber, seq) VALUES (${orgId}::uuid, ${subscriber}, 0) ON CONFLICT DO NOTHING`;
  return made > 0 ? take(tx, orgId, subscriber) : null;
}

async function take(tx: Tx, orgId: OrgId, subscriber: string) {
  const id = uuidv7();
  const [cursor] = await tx.$queryRaw<{ seq: bigint; head: bigint; attempts: number; inherited: boolean }[]>`
    UPDATE event_cursors c SET holder = ${id}::uuid, attempts = c.attempts + 1, retry_at = clock_timestamp() + ${HOLD_SECONDS} * interval '1 second'
    FROM event_heads h, event_cursors before
    WHERE h.org_id = ${orgId}::uuid AND c.org_id = ${orgId}::uuid AND c.subscriber = ${subscriber}
      AND before.org_id = c.org_id AND before.subscriber = c.subscriber AND coalesce(c.retry_at <= clock_timestamp(), true)
    RETURNING c.seq, h.seq AS head, c.attempts, before.holder IS NOT NULL AS inherited`;
  if (!cursor) return null;
  const { seq, head, attempts, inherited } = cursor;
  return { hold: { orgId, subscriber, id, attempts, inherited }, seq: Number(seq), head: Number(head) };
}

/**
 * The subscriber has come to `seq`; `goesOn`: this process keeps the cursor and tries what follows, which a dead process may have tried
 * before. False, and nothing is changed, when another process has taken the cursor over.
 */
export async function moveCursor(tx: Tx, { orgId, subscriber, id, inherited }: Hold, seq: number, goesOn: boolean): Promise<boolean> {
  const moved = await tx.$executeRaw`UPDATE event_cursors SET seq = greatest(seq, ${seq}),
    attempts = CASE WHEN ${goesOn} THEN ${inherited ? 2 : 1}::int ELSE 0 END, holder = CASE WHEN ${goesOn} THEN holder END,
    retry_at = CASE WHEN ${goesOn} THEN clock_timestamp() + ${HOLD_SECONDS} * interval '1 second' END
    WHERE org_id = ${orgId}::uuid AND subscriber = ${subscriber} AND holder = ${id}::uuid`;
  return moved > 0;
}

/** This process lives and works on. */
export async function keepCursor(tx: Tx, { orgId, subscriber, id }: Hold): Promise<void> {
  await tx.$executeRaw`UPDATE event_cursors SET retry_at = clock_timestamp() + ${HOLD_SECONDS} * interval '1 second'
    WHERE org_id = ${orgId}::uuid AND subscriber = ${subscriber} AND holder = ${id}::uuid`;
}

/** The event right behind the cursor failed: it is tried again later, or set aside. Whether it was set aside, so that the holder goes on. */
export async function retryCursor(tx: Tx, hold: Hold, seq: number, failure: string): Promise<boolean> {
  const { orgId, subscriber, id } = hold;
  const waits = await tx.$executeRaw`
    UPDATE event_cursors SET holder = NULL, retry_at = clock_timestamp() + least(power(2, attempts - 1), 60) * interval '1 second'
    WHERE org_id = ${orgId}::uuid AND subscriber = ${subscriber} AND holder = ${id}::uuid AND attempts < ${MAX_ATTEMPTS}`;
  return waits === 0 && setAside(tx, hold, seq, failure);
}

/**
 * Moves past the event and keeps it in event_failures; without a failure it ended its process each time. False, and nothing is changed, when another
 * process has taken the cursor over.
 */
export async function setAside(tx: Tx, hold: Hold, seq: number, failure: string | null): Promise<boolean> {
  if (!(await moveCursor(tx, hold, seq, true))) return false;
  await keepAside(tx, hold.orgId, hold.subscriber, seq, failure);
  return true;
}
