import { Injectable } from '@nestjs/common';
import { type AcceptInvitation, type Invitation, type OrgId, type Role, ROLE_PERMISSIONS, ROLES, type UserId } from '@atrium/contracts';
import { Db, isUniqueViolation, type Tx } from '@atrium/platform/db';
import { Conflict, Invalid } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import type { Caller } from '@atrium/platform/tenancy';
import { type Credentials, credentialsOf } from './account.repository.js';
import { AccountsService } from './accounts.service.js';
import { invitationNotFound, isUsable, lockOpenInvitation } from './invitation.repository.js';
import { insertMember } from './member.repository.js';
import { newcomerContext } from './newcomer.js';
import { type OpenedSession, SessionsService } from './sessions.service.js';

/** An invited person becomes a member: account (if there is none), membership and session, one transaction each. */
@Injectable()
export class JoiningService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly accounts: AccountsService,
    private readonly sessions: SessionsService,
  ) {}

  /** After a crash in between, accepting again finishes the work. @throws as InvitationsService.accept */
  async join(caller: Caller, orgId: OrgId, invitation: Invitation, input: AcceptInvitation): Promise<OpenedSession> {
    const { id: userId, passwordHash } = await this.accountOf(caller, orgId, invitation.email, input);
    const displayName = await this.nameOf(userId);
    // What the person had here as a member of before must not come back to life.
    await this.sessions.endIn(orgId, userId, 'removed');
    const ctx = newcomerContext(caller, orgId, userId, invitation.role);
    await this.db.inOrg(ctx, async (tx) => {
      const open = await lockOpenInvitation(tx, orgId, invitation.id);
      if (!isUsable(open, new Date()) || !(await mayStillInvite(tx, orgId, invitation))) throw invitationNotFound();
      if (await tx.member.findFirst({ where: { orgId, userId }, select: { userId: true } })) throw alreadyMember();
      await insertMember(tx, orgId, { userId, email: invitation.email, displayName, role: invitation.role }).catch((error: unknown) => {
        // Another invitation of the same person was accepted at this moment.
        throw isUniqueViolation(error) ? alreadyMember() : error;
      });
      await tx.$executeRaw`UPDATE invitations SET accepted_at = clock_timestamp(), accepted_by = ${userId}::uuid, updated_at = clock_timestamp()
        WHERE org_id = ${orgId}::uuid AND id = ${invitation.id}::uuid`;
      await this.events.append(tx, ctx, {
        type: 'organizations.member_added',
        subject: { kind: 'user', id: userId },
        audience: 'organization',
        data: { userId, role: invitation.role, invitationId: invitation.id },
        text: { displayName },
      });
    });
    return this.sessions.open(caller, userId, orgId, input.transport, passwordHash);
  }

  /** The proven account of the invited e-mail, made if there is none. */
  private async accountOf(
    caller: Caller,
    orgId: OrgId,
    email: string,
    input: AcceptInvitation,
  ): Promise<Pick<Credentials, 'id' | 'passwordHash'>> {
    const known = await this.db.asIdentity((tx) => credentialsOf(tx, email));
    const { password, displayName } = input;
    if (password === undefined) throw missing('password');
    if (known) return this.accounts.prove(caller, email, password, orgId);
    if (displayName === undefined) throw missing('displayName');
    const made = await this.accounts.create(email, password, displayName, orgId);
    return made ?? this.accounts.prove(caller, email, password, orgId);
  }

  private async nameOf(userId: UserId): Promise<string> {
    const user = await this.db.asIdentity((tx) => tx.user.findFirst({ where: { id: userId }, select: { displayName: true } }));
    return user?.displayName ?? '';
  }
}

/** Whether whoever invited is still a member who may give that role: a removed administrator must not come back by an old link. */
async function mayStillInvite(tx: Tx, orgId: OrgId, { invitedBy, role }: Invitation): Promise<boolean> {
  const inviter = await tx.member.findFirst({ where: { orgId, userId: invitedBy, suspendedAt: null }, select: { role: true } });
  if (!inviter) return false;
  const has = inviter.role as Role;
  const permissions: readonly string[] = ROLE_PERMISSIONS[has];
  return permissions.includes('invitations:manage') && ROLES.indexOf(has) <= ROLES.indexOf(role);
}

const alreadyMember = () => new Conflict('organizations.already_member', 'That person is a member already.');

const missing = (field: string) =>
  new Invalid('request.invalid', `Send ${field} too.`, {
    places: [{ pointer: `/${field}`, message: 'is needed to accept this invitation' }],
  });
