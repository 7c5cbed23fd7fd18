import { ROLES, type Role, type UserId } from '@atrium/contracts';
import type { Principal } from '@atrium/platform/tenancy';
import { assertOwnerStays, assertRoleWithin } from './role.js';

const person = (role: Role): Principal => ({ kind: 'user', id: 'u' as UserId, role, onBehalfOf: null });
const standing = (role: Role, suspended = false) => ({ role, suspendedAt: suspended ? new Date(0) : null });

describe('roles', () => {
  it.each(ROLES.flatMap((own, rank) => ROLES.map((other, otherRank) => ({ own, other, allowed: otherRank >= rank }))))(
    'lets a $own give or touch $other: $allowed',
    ({ own, other, allowed }) => {
      const attempt = () => assertRoleWithin(person(own), other);

      if (allowed) expect(attempt).not.toThrow();
      else expect(attempt).toThrow(expect.objectContaining({ code: 'organizations.role_too_high' }));
    },
  );

  it('refuses when one of two roles is too high', () => {
    expect(() => assertRoleWithin(person('admin'), 'member', 'owner')).toThrow('above one’s own');
  });

  it('lets the system give every role', () => {
    expect(() => assertRoleWithin({ kind: 'system', id: null, role: null, onBehalfOf: null }, 'owner')).not.toThrow();
  });

  it.each([
    ['is removed', null],
    ['becomes an admin', standing('admin')],
    ['is suspended', standing('owner', true)],
  ])('keeps the last active owner when they would be gone: %s', (_what, after) => {
    expect(() => assertOwnerStays(standing('owner'), after, 0)).toThrow(expect.objectContaining({ code: 'organizations.last_owner' }));
    expect(() => assertOwnerStays(standing('owner'), after, 1)).not.toThrow();
  });

  it('lets a suspended owner go although no other owner is active', () => {
    expect(() => assertOwnerStays(standing('owner', true), null, 0)).not.toThrow();
  });
});
