import { ROLES, type Role } from '@atrium/contracts';
import { Conflict, Forbidden } from '@atrium/platform/errors';
import type { Principal } from '@atrium/platform/tenancy';

const rank = (role: Role) => ROLES.length - ROLES.indexOf(role);

/**
 * One may neither give a role above one's own nor touch somebody who has one. The system may all.
 * @throws Forbidden `organizations.role_too_high`
 */
export function assertRoleWithin(principal: Principal, ...roles: Role[]): void {
  if (principal.kind === 'system' || roles.every((role) => rank(role) <= rank(principal.role))) return;
  throw new Forbidden('organizations.role_too_high', 'One cannot give or take a role above one’s own.', {
    params: { own: principal.role },
  });
}

interface Standing {
  readonly role: Role;
  readonly suspendedAt: Date | null;
}

/**
 * What is left of the owners when `before` becomes `after` (null: is removed), given how many other active owners there are.
 * @throws Conflict `organizations.last_owner`
 */
export function assertOwnerStays(before: Standing, after: Standing | null, otherActiveOwners: number): void {
  const counts = (standing: Standing | null) => standing?.role === 'owner' && standing.suspendedAt === null;
  if (!counts(before) || counts(after) || otherActiveOwners > 0) return;
  throw new Conflict('organizations.last_owner', 'An organization keeps at least one active owner. Make somebody else an owner first.');
}
