import type { OrgId, Transport, UserId } from '@atrium/contracts';
import type { IdentityTx } from '@atrium/platform/db';
import type { RefreshClaim } from './refresh-token.js';

export interface EndedSession {
  readonly id: string;
  readonly orgId: OrgId;
  readonly userId: UserId;
}
export interface LiveSession {
  readonly userId: string;
  readonly orgId: OrgId;
  readonly transport: Transport;
}
/** `gone`: over, or its person no longer an active member. `reused`: this call ended it, because an old token was shown. */
export type Rotation =
  | { readonly kind: 'rotated'; readonly session: LiveSession }
  | { readonly kind: 'reused'; readonly ended: EndedSession }
  | { readonly kind: 'gone' };

/** How long after a rotation the token before may ask for its successor again. Seconds, by the database's clock. */
const GRACE_SECONDS = 10;

export async function insertSession(
  tx: IdentityTx,
  session: {
    id: string;
    userId: string;
    orgId: string;
    transport: Transport;
    refreshHash: string;
    userAgent: string | null;
    ip: string | null;
  },
): Promise<void> {
  const userAgent = session.userAgent?.slice(0, 256) ?? null;
  await tx.$executeRaw`INSERT INTO sessions (id, user_id, org_id, refresh_hash, rotated_at, transport, user_agent, ip, expires_at)
    VALUES (${session.id}::uuid, ${session.userId}::uuid, ${session.orgId}::uuid, ${session.refreshHash}, clock_timestamp(),
      ${session.transport}, ${userAgent}, ${session.ip}, clock_timestamp() + interval '30 days')`;
  await tx.$executeRaw`UPDATE users SET last_organization_id = ${session.orgId}::uuid WHERE id = ${session.userId}::uuid`;
}

/** Moves a session to its next generation by one UPDATE; of parallel callers exactly one does. */
export async function rotateSession(
  tx: IdentityTx,
  claim: RefreshClaim,
  hashes: { readonly current: string; readonly next: string },
): Promise<Rotation> {
  const [rotated] = await tx.$queryRaw<LiveRow[]>`
    UPDATE sessions s SET generation = generation + 1, refresh_hash = ${hashes.next}, rotated_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE id = ${claim.sessionId}::uuid AND generation = ${claim.generation} AND refresh_hash = ${hashes.current} AND revoked_at IS NULL
      AND expires_at > clock_timestamp() AND rotated_at > clock_timestamp() - interval '7 days'
      AND EXISTS (SELECT FROM members m WHERE m.org_id = s.org_id AND m.user_id = s.user_id AND m.suspended_at IS NULL)
    RETURNING user_id, org_id, transport`;
  return rotated ? { kind: 'rotated', session: live(rotated) } : judgeOldToken(tx, claim, hashes.next);
}

/** Why the UPDATE found nothing: locks the row, so that the judgement holds until the commit. */
async function judgeOldToken(tx: IdentityTx, claim: RefreshClaim, successorHash: string): Promise<Rotation> {
  const [row] = await tx.$queryRaw<(LiveRow & { generation: number; refresh_hash: string; over: boolean; in_grace: boolean })[]>`
    SELECT s.user_id, s.org_id, s.transport, s.generation, s.refresh_hash,
      s.revoked_at IS NOT NULL OR s.expires_at <= clock_timestamp() OR s.rotated_at <= clock_timestamp() - interval '7 days'
        OR NOT EXISTS (SELECT FROM members m WHERE m.org_id = s.org_id AND m.user_id = s.user_id AND m.suspended_at IS NULL) AS over,
      s.rotated_at > clock_timestamp() - ${GRACE_SECONDS} * interval '1 second' AS in_grace
    FROM sessions s WHERE s.id = ${claim.sessionId}::uuid FOR NO KEY UPDATE OF s`;
  if (!row || row.over) return { kind: 'gone' };
  const isParent = row.generation === claim.generation + 1 && row.refresh_hash === successorHash;
  if (isParent && row.in_grace) return { kind: 'rotated', session: live(row) };
  const [ended] = await endSessions(tx, { userId: row.user_id, sessionId: claim.sessionId }, 'refresh_reused');
  return ended ? { kind: 'reused', ended } : { kind: 'gone' };
}

/** Ends the sessions of a person that are not over: one, those in an organization, all but one, or all. Answers which. */
export async function endSessions(
  tx: IdentityTx,
  which: {
    readonly userId: string;
    readonly sessionId?: string | undefined;
    readonly orgId?: string | undefined;
    readonly exceptId?: string | undefined;
  },
  reason: string,
): Promise<EndedSession[]> {
  const rows = await tx.$queryRaw<{ id: string; org_id: string; user_id: string }[]>`
    UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = ${reason}, updated_at = clock_timestamp()
    WHERE user_id = ${which.userId}::uuid AND revoked_at IS NULL AND expires_at > clock_timestamp()
      AND (${which.sessionId ?? null}::uuid IS NULL OR id = ${which.sessionId ?? null}::uuid)
      AND id IS DISTINCT FROM ${which.exceptId ?? null}::uuid
      AND (${which.orgId ?? null}::uuid IS NULL OR org_id = ${which.orgId ?? null}::uuid)
    RETURNING id, org_id, user_id`;
  return rows.map((row) => ({ id: row.id, orgId: row.org_id as OrgId, userId: row.user_id as UserId }));
}

interface LiveRow {
  user_id: string;
  org_id: string;
  transport: string;
}

const live = (row: LiveRow): LiveSession => ({
  userId: row.user_id,
  orgId: row.org_id as OrgId,
  transport: row.transport as Transport,
});
