import { type OrgId, ROLE_PERMISSIONS, type Role, type UserId } from '@atrium/contracts';
import type { Caller, OrgContext } from '@atrium/platform/tenancy';

/** A person at work in an organization that they found or join just now. Their Idempotency-Key is claimed by the session that follows. */
export function newcomerContext(caller: Caller, orgId: OrgId, userId: UserId, role: Role): OrgContext {
  const { requestId, ip, userAgent } = caller;
  return Object.freeze({
    orgId,
    principal: { kind: 'user', id: userId, role, onBehalfOf: null },
    permissions: new Set(ROLE_PERMISSIONS[role]),
    credential: null,
    via: null,
    requestId,
    ip,
    userAgent,
    idempotency: null,
    ifMatch: null,
  } satisfies OrgContext);
}
