import { Injectable } from '@nestjs/common';
import type { Member, OrgId, PatchMember, Role, UserId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import { assertPermission, type OrgContext, personOf } from '@atrium/platform/tenancy';
import { countOtherActiveOwners, getMember, lockMember, type MemberRow, standing, toMember } from './member.repository.js';
import { assertOwnerStays, assertRoleWithin } from './role.js';
import { SessionsService } from './sessions.service.js';
import { assertSignedIn } from './signed-in.js';

/** Commands on the members of an organization. */
@Injectable()
export class MembersService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly sessions: SessionsService,
  ) {}

  /**
   * Changes role or suspension. Sessions of the member in this organization end with it; API keys keep only what the new role has.
   * @throws NotFound `organizations.member_not_found`, Forbidden `organizations.role_too_high`, Conflict `organizations.last_owner`
   */
  async change(ctx: OrgContext, userId: UserId, input: PatchMember): Promise<Member> {
    const { member, changed } = await this.db.inOrg(ctx, async (tx) => {
      const before = await lockMember(tx, ctx.orgId, userId);
      assertUnchanged(ctx, before);
      const after = changedStanding(before, input);
      assertRoleWithin(ctx.principal, before.role as Role, after.role);
      if (after.role === before.role && after.suspendedAt === before.suspendedAt) return { member: toMember(before), changed: false };
      assertOwnerStays(standing(before), after, await countOtherActiveOwners(tx, ctx.orgId, userId));
      await tx.$executeRaw`UPDATE members SET role = ${after.role}, suspended_at = ${after.suspendedAt}, updated_at = clock_timestamp()
        WHERE org_id = ${ctx.orgId}::uuid AND user_id = ${userId}::uuid`;
      const changedMember = toMember(await getMember(tx, ctx.orgId, userId));
      await this.events.append(tx, ctx, {
        type: 'organizations.member_changed',
        subject: { kind: 'user', id: userId },
        audience: 'organization',
        data: { userId, role: changedMember.role, suspendedAt: changedMember.suspendedAt },
        changes: differences(toMember(before), changedMember),
      });
      return { member: changedMember, changed: true };
    });
    if (changed && !ctx.idempotency?.replayed) await this.sessions.endIn(ctx.orgId, userId, input.suspended ? 'suspended' : 'role_changed');
    return member;
  }

  /**
   * Removes a member, or oneself. Sessions and API keys of the member in this organization end with it.
   * @throws Forbidden `auth.permission_missing`, `organizations.role_too_high`, NotFound `organizations.member_not_found`,
   * Conflict `organizations.last_owner`
   */
  async remove(ctx: OrgContext, userId: UserId): Promise<void> {
    if (personOf(ctx) === userId && !ctx.permissions.has('members:manage')) assertSignedIn(ctx);
    else assertPermission(ctx, 'members:manage');
    const keyIds = await this.db.inOrg(ctx, async (tx) => {
      const member = await lockMember(tx, ctx.orgId, userId);
      assertRoleWithin(ctx.principal, member.role as Role);
      assertOwnerStays(standing(member), null, await countOtherActiveOwners(tx, ctx.orgId, userId));
      const keys = await tx.apiKey.findMany({ where: { orgId: ctx.orgId, ownerId: userId }, select: { id: true } });
      await tx.$executeRaw`DELETE FROM members WHERE org_id = ${ctx.orgId}::uuid AND user_id = ${userId}::uuid`;
      await this.events.append(tx, ctx, {
        type: 'organizations.member_removed',
        subject: { kind: 'user', id: userId },
        audience: 'organization',
        data: { userId, role: member.role, apiKeys: keys.length },
      });
      return keys.map((key) => key.id);
    });
    // Who was removed by the first try may be back meanwhile.
    if (!ctx.idempotency?.replayed) await this.sessions.endIn(ctx.orgId, userId, 'removed');
    if (keyIds.length > 0) {
      await this.db.asIdentity((tx) => tx.apiKeyLookup.deleteMany({ where: { orgId: ctx.orgId, apiKeyId: { in: keyIds } } }));
    }
  }

  /** The display name of a person in one of their organizations; the same name again changes and tells nothing. */
  async rename(ctx: OrgContext, orgId: OrgId, userId: UserId, displayName: string): Promise<void> {
    const there: OrgContext = Object.freeze({ ...ctx, orgId, idempotency: null, ifMatch: null });
    await this.db.inOrg(there, async (tx) => {
      const renamed = await tx.$executeRaw`UPDATE members SET display_name = ${displayName}, updated_at = clock_timestamp()
        WHERE org_id = ${orgId}::uuid AND user_id = ${userId}::uuid AND display_name <> ${displayName}`;
      if (renamed === 0) return;
      await this.events.append(tx, there, {
        type: 'organizations.member_changed',
        subject: { kind: 'user', id: userId },
        audience: 'organization',
        data: { userId },
        text: { displayName },
        changes: { displayName: ['[text]', '[text]'] },
      });
    });
  }
}

function changedStanding(before: MemberRow, input: PatchMember): { role: Role; suspendedAt: Date | null } {
  const suspendedAt = input.suspended === undefined ? before.suspendedAt : input.suspended ? (before.suspendedAt ?? new Date()) : null;
  return { role: input.role ?? (before.role as Role), suspendedAt };
}

function differences(before: Member, after: Member): Record<string, [string | null, string | null]> {
  const fields = ['role', 'suspendedAt'] as const;
  return Object.fromEntries(
    fields.filter((field) => before[field] !== after[field]).map((field) => [field, [before[field], after[field]]]),
  );
}
