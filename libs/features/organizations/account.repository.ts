import type { Organization, OrgId, Role, User, UserId } from '@atrium/contracts';
import type { IdentityTx } from '@atrium/platform/db';

export interface Account {
  readonly user: User;
  readonly organization: Organization;
  readonly role: Role;
}
interface Stamps {
  createdAt: Date;
  updatedAt: Date;
}

const stamps = (row: Stamps) => ({ createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() });

export const toUser = (row: Stamps & { id: string; email: string; displayName: string }): User => ({
  id: row.id as UserId,
  email: row.email,
  displayName: row.displayName,
  ...stamps(row),
});

export const toOrganization = (row: Stamps & { id: string; name: string }): Organization => ({
  id: row.id as OrgId,
  name: row.name,
  ...stamps(row),
});

/** The person and an organization in which they are an active member; null otherwise. */
export async function activeAccount(tx: IdentityTx, userId: string, orgId: string): Promise<Account | null> {
  const member = await tx.member.findFirst({ where: { orgId, userId, suspendedAt: null } });
  if (!member) return null;
  const user = await tx.user.findFirst({ where: { id: userId } });
  const organization = await tx.organization.findFirst({ where: { id: orgId } });
  return user && organization ? { user: toUser(user), organization: toOrganization(organization), role: member.role as Role } : null;
}

/** Where to sign in without a choice: the organization used last, else the newest membership. Null: nowhere. */
export async function homeOf(tx: IdentityTx, userId: string): Promise<OrgId | null> {
  const [home] = await tx.$queryRaw<{ org_id: string }[]>`
    SELECT m.org_id FROM members m JOIN users u ON u.id = m.user_id
    WHERE m.user_id = ${userId}::uuid AND m.suspended_at IS NULL
    ORDER BY (m.org_id = u.last_organization_id) IS TRUE DESC, m.created_at DESC LIMIT 1`;
  return (home?.org_id ?? null) as OrgId | null;
}

export interface Credentials {
  readonly id: UserId;
  readonly passwordHash: string;
  readonly isOperator: boolean;
  readonly lastOrganizationId: OrgId | null;
}

/**
 * Whether it is the person's password still, and until the commit: a change of it waits, and then ends what began here. Locks the row as
 * strongly as those do who change it: sign-ins that shared it would wait for each other when they note where the person was last.
 */
export async function hasPassword(tx: IdentityTx, userId: UserId, passwordHash: string): Promise<boolean> {
  const rows = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM users WHERE id = ${userId}::uuid AND password_hash = ${passwordHash} FOR NO KEY UPDATE`;
  return rows.length > 0;
}

/** `email` in lower case, as contracts make it. */
export async function credentialsOf(tx: IdentityTx, email: string): Promise<Credentials | null> {
  const [row] = await tx.$queryRaw<{ id: string; password_hash: string; is_operator: boolean; last_organization_id: string | null }[]>`
    SELECT id, password_hash, is_operator, last_organization_id FROM users WHERE lower(email) = ${email}`;
  if (!row) return null;
  return {
    id: row.id as UserId,
    passwordHash: row.password_hash,
    isOperator: row.is_operator,
    lastOrganizationId: row.last_organization_id as OrgId | null,
  };
}
