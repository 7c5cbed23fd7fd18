import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type {
  AcceptInvitation,
  CreatedInvitation,
  CreateInvitation,
  InvitationId,
  OrgId,
  Page,
  PageQuery,
  Invitation,
} from '@atrium/contracts';
import { CONFIG, type Config, publicUrl } from '@atrium/platform/config';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type Caller, type OrgContext, personOf } from '@atrium/platform/tenancy';
import { InvitationTokens } from './invitation-token.js';
import { findUsableInvitation, invitationNotFound, lockOpenInvitation, toInvitation } from './invitation.repository.js';
import { JoiningService } from './joining.service.js';
import { assertRoleWithin } from './role.js';
import type { OpenedSession } from './sessions.service.js';

/** The most invitations of an organization that wait for an answer. */
const MAX_OPEN = 1_000;

/** Invitations into an organization. They are links: who holds the link and the invited e-mail's password joins. */
@Injectable()
export class InvitationsService {
  private readonly tokens: InvitationTokens;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly joining: JoiningService,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.tokens = new InvitationTokens(config.encryptionKey.reveal());
  }

  /** Newest first. */
  list(ctx: OrgContext, query: PageQuery): Promise<Page<Invitation>> {
    const before = decodeCursor(query.cursor, ['uuid']);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await tx.invitation.findMany({
        where: { orgId: ctx.orgId, ...(before ? { id: { lt: before[0] } } : {}) },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
      });
      const page = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ ...page, data: page.data.map(toInvitation) }, await this.events.head(tx, ctx));
    });
  }

  /**
   * The answer holds the token, this once.
   * @throws Forbidden `organizations.role_too_high`, Conflict `organizations.already_member`, QuotaExceeded `organizations.limit_reached`
   */
  async create(ctx: OrgContext, input: CreateInvitation): Promise<CreatedInvitation> {
    const created = await this.db.inOrg(ctx, async (tx) => {
      assertRoleWithin(ctx.principal, input.role);
      await this.assertInvitable(tx, ctx, input.email);
      const id = uuidv7() as InvitationId;
      await tx.$executeRaw`INSERT INTO invitations (org_id, id, email, role, invited_by, expires_at)
        VALUES (${ctx.orgId}::uuid, ${id}::uuid, ${input.email}, ${input.role}, ${personOf(ctx)}::uuid,
          clock_timestamp() + ${input.expiresInHours} * interval '1 hour')`;
      const row = await tx.invitation.findFirstOrThrow({ where: { orgId: ctx.orgId, id } });
      await this.events.append(tx, ctx, {
        type: 'organizations.invitation_created',
        subject: { kind: 'invitation', id },
        audience: 'admins',
        data: { invitationId: id, role: input.role },
        text: { email: input.email },
      });
      const token = this.tokens.make();
      return { ...toInvitation(row), token, link: this.linkOf(token) };
    });
    const tokenHash = this.tokens.hash(created.token);
    await this.db.asIdentity(
      (tx) => tx.$executeRaw`INSERT INTO invitation_lookups (token_hash, org_id, invitation_id)
        VALUES (${tokenHash}, ${ctx.orgId}::uuid, ${created.id}::uuid) ON CONFLICT DO NOTHING`,
    );
    return created;
  }

  /** @throws NotFound `organizations.invitation_not_found`, Forbidden `organizations.role_too_high` */
  async withdraw(ctx: OrgContext, id: InvitationId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const invitation = await lockOpenInvitation(tx, ctx.orgId, id);
      assertRoleWithin(ctx.principal, toInvitation(invitation).role);
      await tx.$executeRaw`DELETE FROM invitations WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid`;
      await this.events.append(tx, ctx, {
        type: 'organizations.invitation_withdrawn',
        subject: { kind: 'invitation', id },
        audience: 'admins',
        data: { invitationId: id },
      });
    });
    await this.db.asIdentity((tx) => tx.invitationLookup.deleteMany({ where: { orgId: ctx.orgId, invitationId: id } }));
  }

  /**
   * Makes the person a member and signs them in. A new person gives password and display name, one with an account its password.
   * @throws NotFound `organizations.invitation_not_found`, Unauthenticated `auth.invalid_credentials`, Conflict
   * `organizations.already_member`, Invalid `request.invalid` when something is missing
   */
  async accept(caller: Caller, input: AcceptInvitation): Promise<OpenedSession> {
    const tokenHash = this.tokens.hash(input.token);
    const place = await this.db.asIdentity((tx) => tx.invitationLookup.findFirst({ where: { tokenHash } }));
    const orgId = (place?.orgId ?? null) as OrgId | null;
    const invitation =
      place && orgId ? await this.db.readInOrg({ orgId }, (tx) => findUsableInvitation(tx, orgId, place.invitationId)) : null;
    // Unless it was this very request (by its Idempotency-Key) that used it: then its answer.
    if (!orgId || !invitation) return this.db.asIdentity<OpenedSession>(() => Promise.reject(invitationNotFound()), caller);
    return this.joining.join(caller, orgId, toInvitation(invitation), input);
  }

  private async assertInvitable(tx: Tx, ctx: OrgContext, email: string): Promise<void> {
    if (await tx.member.findFirst({ where: { orgId: ctx.orgId, email }, select: { userId: true } })) {
      throw new Conflict('organizations.already_member', 'That person is a member already.');
    }
    const open = await tx.invitation.count({ where: { orgId: ctx.orgId, acceptedAt: null, expiresAt: { gt: new Date() } } });
    if (open >= MAX_OPEN) {
      throw new QuotaExceeded('organizations.limit_reached', `${MAX_OPEN} invitations wait for an answer. Withdraw some first.`, {
        retryable: false,
      });
    }
  }

  /** The token stands behind the #, where no server and no log sees it. */
  private linkOf(token: string): string {
    return `${publicUrl(this.config)}/accept-invitation#${token}`;
  }
}
