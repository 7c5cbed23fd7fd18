import { Injectable } from '@nestjs/common';
import type { OrgId, UserId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { type EventDraft, Events } from '@atrium/platform/events';
import { type Caller, INSTANCE_ORG, type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { activeAccount, homeOf } from './account.repository.js';

type Origin = Pick<Caller, 'requestId' | 'ip'>;
/** A session and whose it is. */
export interface ToldSession {
  userId: UserId;
  orgId: OrgId;
  sessionId: string;
}

/** Sign-ins and their like, in the log of the organization that they concern, for its administrators. It holds no e-mail addresses. */
@Injectable()
export class SignInLog {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
  ) {}

  /** What somebody did who had proved who they are. */
  async tell(
    caller: Origin,
    type: 'organizations.signed_in' | 'organizations.signed_out' | 'organizations.password_changed',
    session: ToldSession,
    reason?: string,
  ): Promise<void> {
    const principal = { kind: 'user', id: session.userId, role: 'guest', onBehalfOf: null } as const;
    await this.append({ ...contextOf(session.orgId, caller), principal, permissions: new Set() }, drafted(type, session, reason));
  }

  /** An old refresh token: two parties hold the session, and nobody knows which of them sent it. */
  async tellReuse(caller: Origin, session: ToldSession): Promise<void> {
    await this.append(contextOf(session.orgId, caller), drafted('organizations.refresh_reused', session));
  }

  /**
   * A wrong password: told to the organization that was to be entered, where the person is a member, and to no other; else to the instance.
   * It costs the same whoever it was.
   */
  async tellFailure(caller: Origin, userId: UserId | null, wanted: OrgId | null): Promise<void> {
    const id = userId ?? INSTANCE_ORG;
    const orgId = await this.db.asIdentity(async (tx) => {
      if (wanted === null) return homeOf(tx, id);
      return (await activeAccount(tx, id, wanted)) && wanted;
    });
    const draft: EventDraft = orgId
      ? { type: 'organizations.sign_in_failed', subject: { kind: 'user', id }, audience: 'nobody' }
      : { type: 'instance.sign_in_failed', subject: { kind: 'instance', id: INSTANCE_ORG }, audience: 'nobody' };
    await this.append(contextOf(orgId ?? INSTANCE_ORG, caller), draft);
  }

  private async append(ctx: OrgContext, draft: EventDraft): Promise<void> {
    await this.db.inOrg(ctx, (tx) => this.events.append(tx, ctx, draft));
  }
}

const contextOf = (orgId: OrgId, { requestId, ip }: Origin): OrgContext => ({ ...systemContext(orgId, requestId), ip });

const drafted = (type: EventDraft['type'], { userId, sessionId }: ToldSession, reason?: string): EventDraft => ({
  type,
  subject: { kind: 'user', id: userId },
  audience: 'nobody',
  data: { sessionId, ...(reason === undefined ? {} : { reason }) },
});
