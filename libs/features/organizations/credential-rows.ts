import type { IdentityTx } from '@atrium/platform/db';

export interface SessionRow {
  user_id: string;
  org_id: string;
  role: string;
}

/** The session if it counts: neither revoked nor over, its person an active member. */
export async function sessionById(tx: IdentityTx, sessionId: string): Promise<SessionRow | null> {
  const [row] = await tx.$queryRaw<SessionRow[]>`
    SELECT s.user_id, s.org_id, m.role FROM sessions s JOIN members m ON m.org_id = s.org_id AND m.user_id = s.user_id
    WHERE s.id = ${sessionId}::uuid AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND m.suspended_at IS NULL`;
  return row ?? null;
}

export interface ApiKeyRow {
  id: string;
  org_id: string;
  owner_id: string;
  agent_id: string | null;
  scopes: string[];
  expires_at: Date | null;
  role: string;
}

/** The key if it counts: neither revoked nor over, its owner an active member. */
export async function apiKeyByHash(tx: IdentityTx, hash: string): Promise<ApiKeyRow | null> {
  const [row] = await tx.$queryRaw<ApiKeyRow[]>`
    SELECT k.id, k.org_id, k.owner_id, k.agent_id, k.scopes, k.expires_at, m.role FROM api_key_lookups l
    JOIN api_keys k ON k.org_id = l.org_id AND k.id = l.api_key_id JOIN members m ON m.org_id = k.org_id AND m.user_id = k.owner_id
    WHERE l.key_hash = ${hash} AND k.revoked_at IS NULL AND coalesce(k.expires_at > clock_timestamp(), true) AND m.suspended_at IS NULL`;
  return row ?? null;
}

export async function apiKeyById(tx: IdentityTx, orgId: string, id: string): Promise<ApiKeyRow | null> {
  const [row] = await tx.$queryRaw<ApiKeyRow[]>`
    SELECT k.id, k.org_id, k.owner_id, k.agent_id, k.scopes, k.expires_at, m.role FROM api_keys k
    JOIN members m ON m.org_id = k.org_id AND m.user_id = k.owner_id
    WHERE k.org_id = ${orgId}::uuid AND k.id = ${id}::uuid AND k.revoked_at IS NULL
      AND coalesce(k.expires_at > clock_timestamp(), true) AND m.suspended_at IS NULL`;
  return row ?? null;
}
