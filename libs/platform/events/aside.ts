import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import type { SystemTx, Tx } from '@atrium/platform/db';

/** The process that tries an event again is believed dead after so long without a sign. */
const HOLD_SECONDS = 10;
/** The pause before the first new try; each is twice as long as the one before, up to the longest. */
const FIRST_PAUSE_SECONDS = 60;
const LONGEST_PAUSE_SECONDS = 3_600;
/** An event that was set aside and then ended its process so often, one time after the other, is tried again only when an operator sets `retry_at`. */
const MAX_DEATHS = 3;

/** One try of an event that was set aside. */
export interface AsideHold {
  readonly orgId: OrgId;
  /** Of the row in event_failures. */
  readonly rowId: string;
  readonly id: string;
  readonly seq: number;
  /** Since it was set aside, this one included. */
  readonly attempts: number;
}

/** What was set aside, by organization and subscriber. */
export interface Aside {
  orgId: OrgId;
  subscriber: string;
  count: number;
  /** Some of it is to be tried now. */
  due: boolean;
}

/** Keeps an event that a subscriber could not take; it is tried again by itself, unless it ended its process each time (`failure` null). */
export async function keepAside(tx: Tx, orgId: OrgId, subscriber: string, seq: number, failure: string | null): Promise<void> {
  const died = failure === null;
  await tx.$executeRaw`INSERT INTO event_failures (org_id, id, subscriber, seq, failure, deaths, retry_at)
    VALUES (${orgId}::uuid, ${uuidv7()}::uuid, ${subscriber}, ${seq}, ${died ? 'The process ended each time.' : failure},
      ${died ? MAX_DEATHS : 0}::int, CASE WHEN ${!died} THEN clock_timestamp() + ${FIRST_PAUSE_SECONDS} * interval '1 second' END)
    ON CONFLICT DO NOTHING`;
}

/** The longest waiting of those that are due; null when there is none. The try is counted here, before the event is heard. */
export async function takeAside(tx: Tx, orgId: OrgId, subscriber: string): Promise<AsideHold | null> {
  await buryDead(tx, orgId, subscriber);
  const id = uuidv7();
  const [row] = await tx.$queryRaw<{ id: string; seq: bigint; attempts: number }[]>`
    UPDATE event_failures SET holder = ${id}::uuid, attempts = attempts + 1, retry_at = clock_timestamp() + ${HOLD_SECONDS} * interval '1 second'
    WHERE org_id = ${orgId}::uuid AND id = (
      SELECT id FROM event_failures WHERE org_id = ${orgId}::uuid AND subscriber = ${subscriber} AND retry_at <= clock_timestamp()
      ORDER BY retry_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, seq, attempts`;
  return row ? { orgId, rowId: row.id, id, seq: Number(row.seq), attempts: row.attempts } : null;
}

/** Whoever held these ended without a word: a try that failed, and after some of them the last. */
async function buryDead(tx: Tx, orgId: OrgId, subscriber: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE event_failures SET holder = NULL, deaths = deaths + 1,
      failure = CASE WHEN deaths + 1 >= ${MAX_DEATHS} THEN 'The process ended each time.' ELSE failure END,
      retry_at = CASE WHEN deaths + 1 < ${MAX_DEATHS}
        THEN clock_timestamp() + least(${FIRST_PAUSE_SECONDS} * power(2, least(attempts, 20)), ${LONGEST_PAUSE_SECONDS}) * interval '1 second' END
    WHERE org_id = ${orgId}::uuid AND subscriber = ${subscriber} AND holder IS NOT NULL AND retry_at <= clock_timestamp()`;
}

/** This process lives and works on it. */
export async function holdAside(tx: Tx, { orgId, rowId, id }: AsideHold): Promise<void> {
  await tx.$executeRaw`UPDATE event_failures SET retry_at = clock_timestamp() + ${HOLD_SECONDS} * interval '1 second'
    WHERE org_id = ${orgId}::uuid AND id = ${rowId}::uuid AND holder = ${id}::uuid`;
}

/** It was heard. */
export async function endAside(tx: Tx, { orgId, rowId, id }: AsideHold): Promise<void> {
  await tx.$executeRaw`DELETE FROM event_failures WHERE org_id = ${orgId}::uuid AND id = ${rowId}::uuid AND holder = ${id}::uuid`;
}

/** It failed once more: it is tried again after a longer pause. */
export async function retryAside(tx: Tx, { orgId, rowId, id }: AsideHold, failure: string): Promise<void> {
  await tx.$executeRaw`UPDATE event_failures SET holder = NULL, failure = ${failure}, deaths = 0,
    retry_at = clock_timestamp() + least(${FIRST_PAUSE_SECONDS} * power(2, least(attempts, 20)), ${LONGEST_PAUSE_SECONDS}) * interval '1 second'
    WHERE org_id = ${orgId}::uuid AND id = ${rowId}::uuid AND holder = ${id}::uuid`;
}

/** Everything that is set aside. */
export function listAside(tx: SystemTx): Promise<Aside[]> {
  return tx.$queryRaw<Aside[]>`
    SELECT org_id AS "orgId", subscriber, count(*)::int AS count, coalesce(bool_or(retry_at <= clock_timestamp()), false) AS due
    FROM event_failures GROUP BY org_id, subscriber ORDER BY min(retry_at)`;
}
