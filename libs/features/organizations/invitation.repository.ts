import type { Invitation, InvitationId, OrgId, Role, UserId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';

export interface InvitationRow {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly invitedBy: string;
  readonly expiresAt: Date;
  readonly acceptedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const toInvitation = (row: InvitationRow): Invitation => ({
  id: row.id as InvitationId,
  email: row.email,
  role: row.role as Role,
  invitedBy: row.invitedBy as UserId,
  expiresAt: row.expiresAt.toISOString(),
  acceptedAt: row.acceptedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

export function invitationNotFound(): NotFound {
  return new NotFound('organizations.invitation_not_found', 'The invitation does not exist, was used, was withdrawn or has expired.');
}

/** @throws NotFound `organizations.invitation_not_found` for one that was accepted, too */
export async function lockOpenInvitation(tx: Tx, orgId: OrgId, id: string): Promise<InvitationRow> {
  await tx.$queryRaw`SELECT id FROM invitations WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
  const row = await tx.invitation.findFirst({ where: { orgId, id, acceptedAt: null } });
  if (!row) throw invitationNotFound();
  return row;
}

/** Null when it was accepted, withdrawn or has expired. */
export async function findUsableInvitation(tx: Tx, orgId: OrgId, id: string): Promise<InvitationRow | null> {
  const row = await tx.invitation.findFirst({ where: { orgId, id, acceptedAt: null } });
  return row && isUsable(row, new Date()) ? row : null;
}

export const isUsable = (row: Pick<InvitationRow, 'expiresAt' | 'acceptedAt'>, now: Date) => row.acceptedAt === null && row.expiresAt > now;
