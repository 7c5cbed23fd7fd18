import type { Member, OrgId, Role, UserId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';

export interface MemberRow {
  readonly userId: string;
  readonly email: string;
  readonly displayName: string;
  readonly role: string;
  readonly suspendedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const toMember = (row: MemberRow): Member => ({
  userId: row.userId as UserId,
  displayName: row.displayName,
  email: row.email,
  role: row.role as Role,
  suspendedAt: row.suspendedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

export const standing = (row: MemberRow) => ({ role: row.role as Role, suspendedAt: row.suspendedAt });

/** @throws NotFound `organizations.member_not_found` */
export async function getMember(tx: Tx, orgId: OrgId, userId: string): Promise<MemberRow> {
  const row = await tx.member.findFirst({ where: { orgId, userId } });
  if (!row) throw new NotFound('organizations.member_not_found', 'There is no such member.');
  return row;
}

/**
 * The member, after locking the organization and then the row: whoever counts owners waits for whoever changes them.
 * @throws NotFound `organizations.member_not_found`
 */
export async function lockMember(tx: Tx, orgId: OrgId, userId: string): Promise<MemberRow> {
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${orgId}::uuid FOR NO KEY UPDATE`;
  await tx.$queryRaw`SELECT user_id FROM members WHERE org_id = ${orgId}::uuid AND user_id = ${userId}::uuid FOR NO KEY UPDATE`;
  return getMember(tx, orgId, userId);
}

export function countOtherActiveOwners(tx: Tx, orgId: OrgId, userId: string): Promise<number> {
  return tx.member.count({ where: { orgId, role: 'owner', suspendedAt: null, NOT: { userId } } });
}

export async function insertMember(
  tx: Tx,
  orgId: OrgId,
  member: { userId: UserId; email: string; displayName: string; role: Role },
): Promise<void> {
  await tx.$executeRaw`INSERT INTO members (org_id, user_id, email, display_name, role)
    VALUES (${orgId}::uuid, ${member.userId}::uuid, ${member.email}, ${member.displayName}, ${member.role})`;
}
