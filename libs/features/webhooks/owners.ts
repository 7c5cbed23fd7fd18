import { Injectable } from '@nestjs/common';
import { type Permission, ROLE_PERMISSIONS, type UserId } from '@atrium/contracts';
import { MembersQueries } from '@atrium/features/organizations';
import { Forbidden, NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Whose rights a webhook has, and which of them it got. */
export interface Owned {
  ownerId: string;
  permissions: string[];
}

/** Who sets a webhook is its owner. @throws Forbidden `auth.permission_missing` for agents */
export function ownedBy({ principal, permissions }: OrgContext): { ownerId: UserId; permissions: Permission[] } {
  if (principal.kind !== 'user') throw new Forbidden('auth.permission_missing', 'Only a person can set webhooks.');
  return { ownerId: principal.id, permissions: [...permissions] };
}

/** The rights of a webhook: what its owner could do when it was set, and may still do. */
@Injectable()
export class Owners {
  constructor(private readonly members: MembersQueries) {}

  /** The owner's context at this moment; null once the owner may no longer manage webhooks. */
  async contextOf(system: OrgContext, { ownerId, permissions }: Owned): Promise<OrgContext | null> {
    const member = await this.members.get(system, ownerId as UserId).catch((error: unknown) => {
      if (error instanceof NotFound) return null;
      throw error;
    });
    if (!member || member.suspendedAt) return null;
    const held = new Set<Permission>(ROLE_PERMISSIONS[member.role]);
    const left = new Set(permissions.filter((one): one is Permission => held.has(one as Permission)));
    if (!left.has('webhooks:manage')) return null;
    const principal = { kind: 'user', id: ownerId as UserId, role: member.role, onBehalfOf: null } as const;
    return Object.freeze({ ...system, principal, permissions: left });
  }
}
