import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type OrgId, type SwitchOrganization, type Transport, type UserId } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Db, type IdentityTx } from '@atrium/platform/db';
import { Forbidden, NotFound, Unauthenticated } from '@atrium/platform/errors';
import { Refusals } from '@atrium/platform/http';
import { type Caller, type OrgContext, Revocations } from '@atrium/platform/tenancy';
import { ACCESS_SECONDS, AccessTokens } from './access-token.js';
import { type Account, activeAccount, hasPassword } from './account.repository.js';
import { invalidToken } from './invalid-token.js';
import { RefreshTokens } from './refresh-token.js';
import { type EndedSession, endSessions, insertSession, rotateSession } from './session.repository.js';
import { SignInLog } from './sign-in-log.js';
import { assertSignedIn } from './signed-in.js';

/** The tokens of a session, before its transport decides which of them the client sees. */
export interface SessionTokens {
  readonly sessionId: string;
  readonly transport: Transport;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly csrfToken: string;
  readonly expiresIn: number;
}
/** Who signed in where, and the tokens. */
export interface OpenedSession extends Account {
  readonly tokens: SessionTokens;
}

/** Sessions: a person in one organization. They live 30 days at most, and 7 days without a refresh. */
@Injectable()
export class SessionsService {
  private readonly accessTokens: AccessTokens;
  private readonly refreshTokens: RefreshTokens;

  constructor(
    private readonly db: Db,
    private readonly log: SignInLog,
    private readonly revocations: Revocations,
    private readonly refusals: Refusals,
    @Inject(CONFIG) config: Config,
  ) {
    this.accessTokens = new AccessTokens(config.jwtSecrets.map((secret) => secret.reveal()));
    this.refreshTokens = new RefreshTokens(config.encryptionKey.reveal());
  }

  /**
   * Opens a session of somebody whose proof was checked. It is the claiming transaction of the request: a repeat answers the first session.
   * `passwordHash`: what the password was compared with; of one that was changed since nothing follows.
   * @throws Forbidden `auth.no_membership` when the person is no active member there, Unauthenticated `auth.invalid_credentials`
   */
  async open(
    caller: Caller,
    userId: UserId,
    orgId: OrgId,
    transport: Transport,
    passwordHash: string | null = null,
  ): Promise<OpenedSession> {
    const opened = await this.db.asIdentity(async (tx) => {
      if (passwordHash !== null && !(await hasPassword(tx, userId, passwordHash))) throw wrongCredentials();
      const account = await activeAccount(tx, userId, orgId);
      if (!account) throw noMembership();
      return { ...account, tokens: await this.start(tx, caller, userId, orgId, transport) };
    }, caller);
    if (!caller.idempotency?.replayed) {
      await this.log.tell(caller, 'organizations.signed_in', { userId, orgId, sessionId: opened.tokens.sessionId });
    }
    return opened;
  }

  /**
   * A new session of the same person in another of their organizations; the old one stays.
   * @throws NotFound `organizations.not_found`
   */
  async switch(ctx: OrgContext, input: SwitchOrganization): Promise<OpenedSession> {
    const userId = assertSignedIn(ctx);
    try {
      return await this.open(ctx, userId, input.organizationId, input.transport);
    } catch (error) {
      if (error instanceof Forbidden && error.code === 'auth.no_membership') {
        throw new NotFound('organizations.not_found', 'There is no such organization, or you are not in it.');
      }
      throw error;
    }
  }

  /**
   * Gives the successor of a refresh token. Within 10 seconds the token before the current one gives the current one again (its answer may
   * have been lost); any older one means that two parties hold the session: it is ended.
   * @throws Unauthenticated `auth.invalid_token`
   */
  async refresh(caller: Caller, token: string): Promise<SessionTokens> {
    const claim = this.refreshTokens.read(token);
    if (!claim) return this.refusals.refuse(invalidToken(), caller, { credential: token });
    const successor = this.refreshTokens.make({ ...claim, generation: claim.generation + 1 });
    const hashes = { current: this.refreshTokens.hash(token), next: this.refreshTokens.hash(successor) };
    const outcome = await this.db.asIdentity((tx) => rotateSession(tx, claim, hashes));
    if (outcome.kind === 'reused') await this.tellReuse(caller, outcome.ended);
    if (outcome.kind !== 'rotated') return this.refusals.refuse(invalidToken(), caller, { credential: token, ours: true });
    const { userId, orgId, transport } = outcome.session;
    return this.tokens(claim.sessionId, userId, orgId, transport, successor);
  }

  /** The session whose cookie this is, if the page that sends it is ours. Null when the token is none. */
  sessionOfCookie(token: string): string | null {
    return this.refreshTokens.read(token)?.sessionId ?? null;
  }

  isCsrf(sessionId: string, shown: unknown): boolean {
    return this.refreshTokens.isCsrf(sessionId, shown);
  }

  /** Ends the session of this request. */
  async logout(ctx: OrgContext): Promise<void> {
    const userId = assertSignedIn(ctx);
    await this.end(ctx, { userId, sessionId: ctx.credential?.id }, 'signed_out');
  }

  /** Ends every session of the person, in every organization. */
  async logoutAll(ctx: OrgContext): Promise<void> {
    await this.end(ctx, { userId: assertSignedIn(ctx) }, 'signed_out_everywhere');
  }

  /** Ends the person's other sessions, in every organization, together with `change`, which is why. */
  async endOthers(ctx: OrgContext, reason: 'password_changed', change: (tx: IdentityTx) => Promise<void>): Promise<void> {
    const [userId, sessionId] = [assertSignedIn(ctx), ctx.credential?.id ?? ''];
    await this.end(ctx, { userId, exceptId: sessionId }, reason, { before: change });
    if (ctx.idempotency?.replayed) return;
    await this.log.tell(ctx, `organizations.${reason}`, { userId, orgId: ctx.orgId, sessionId });
  }

  /** @throws NotFound `auth.session_not_found` for one that is not the person's own, or is over. */
  async endOne(ctx: OrgContext, sessionId: string): Promise<void> {
    const onNone = () => {
      throw new NotFound('auth.session_not_found', 'There is no such session.');
    };
    await this.end(ctx, { userId: assertSignedIn(ctx), sessionId }, 'signed_out', { onNone });
  }

  /** Ends what a person has in an organization because the rights there changed; API keys are read anew. */
  async endIn(orgId: OrgId, userId: string, reason: 'role_changed' | 'suspended' | 'removed'): Promise<void> {
    await this.db.asIdentity((tx) => endSessions(tx, { userId, orgId }, reason));
    this.revocations.revoke({ orgId, userId });
  }

  /** The claiming transaction of its request: a repeat tells nothing a second time. */
  private async end(
    ctx: OrgContext,
    which: { userId: UserId; sessionId?: string | undefined; exceptId?: string },
    reason: string,
    { before, onNone }: { before?: (tx: IdentityTx) => Promise<void>; onNone?: () => void } = {},
  ): Promise<void> {
    const ended = await this.db.asIdentity(async (tx) => {
      await before?.(tx);
      const sessions = await endSessions(tx, which, reason);
      if (sessions.length === 0) onNone?.();
      return sessions;
    }, ctx);
    for (const { id, orgId } of ended) this.revocations.revoke({ orgId, userId: which.userId, sessionId: id });
    if (ctx.idempotency?.replayed) return;
    for (const { id, orgId } of ended) {
      await this.log.tell(ctx, 'organizations.signed_out', { userId: which.userId, orgId, sessionId: id }, reason);
    }
  }

  private async tellReuse(caller: Caller, ended: EndedSession): Promise<void> {
    const { id, orgId, userId } = ended;
    this.revocations.revoke({ orgId, userId, sessionId: id });
    await this.log.tellReuse(caller, { userId, orgId, sessionId: id });
  }

  private async start(tx: IdentityTx, caller: Caller, userId: UserId, orgId: OrgId, transport: Transport): Promise<SessionTokens> {
    const sessionId = uuidv7();
    const refreshToken = this.refreshTokens.make({ sessionId, generation: 0 });
    const { ip, userAgent } = caller;
    await insertSession(tx, { id: sessionId, userId, orgId, transport, ip, userAgent, refreshHash: this.refreshTokens.hash(refreshToken) });
    return this.tokens(sessionId, userId, orgId, transport, refreshToken);
  }

  private async tokens(sessionId: string, sub: string, org: string, transport: Transport, refreshToken: string): Promise<SessionTokens> {
    const accessToken = await this.accessTokens.sign({ sub, org, sid: sessionId });
    return { sessionId, transport, accessToken, refreshToken, csrfToken: this.refreshTokens.csrf(sessionId), expiresIn: ACCESS_SECONDS };
  }
}

export const wrongCredentials = () => new Unauthenticated('auth.invalid_credentials', 'E-mail or password is wrong.');

export function noMembership(): Forbidden {
  return new Forbidden(
    'auth.no_membership',
    'The account belongs to no active organization, or not to this one. Ask an administrator whether it was suspended or removed.',
  );
}
