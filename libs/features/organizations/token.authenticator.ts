import { Inject, Injectable } from '@nestjs/common';
import passport from 'passport';
import CustomStrategy from 'passport-custom';
import { Strategy as JwtStrategy } from 'passport-jwt';
import type { Permission } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Refusals } from '@atrium/platform/http';
import { Authenticator, type Caller, type OrgContext } from '@atrium/platform/tenancy';
import { AccessTokens, AUDIENCE, checkedClaims, ISSUER } from './access-token.js';
import { ApiKeyUse } from './api-key-use.js';
import { API_KEY_PREFIX } from './api-key-secret.js';
import { type CredentialState, CredentialStates } from './credential-states.js';
import { invalidToken } from './invalid-token.js';

/** All that the strategies read of a request: REST, sockets and tools come the same way. */
interface Bearer {
  readonly token: string;
}
type Done = (error: unknown, state?: CredentialState | false) => void;
type Answer = (error: unknown, state?: CredentialState | false | null, why?: unknown) => void;

/** What stands behind a token. Without a state: whether it is `ours` (our signature holds) and has only ended. */
interface Found {
  state: CredentialState | null;
  ours: boolean;
}

/** Authenticates access tokens and API keys through Passport; every refusal is the same. */
@Injectable()
export class TokenAuthenticator extends Authenticator {
  private readonly passport = new passport.Passport();

  constructor(
    private readonly states: CredentialStates,
    private readonly use: ApiKeyUse,
    private readonly refusals: Refusals,
    @Inject(CONFIG) config: Config,
  ) {
    super();
    this.passport.use('access_token', this.accessTokenStrategy(new AccessTokens(config.jwtSecrets.map((secret) => secret.reveal()))));
    this.passport.use('api_key', this.apiKeyStrategy());
  }

  async authenticate(token: string, caller: Caller): Promise<OrgContext> {
    if (isApiKey(token) && !this.states.isFamiliar(token)) this.refusals.assertOpen(caller);
    const { state, ours } = await this.find(token);
    if (!state) return this.refusals.refuse(invalidToken(), caller, { credential: token, ours });
    if (state.credential.kind === 'api_key') this.use.note(state.orgId, state.credential.id);
    const { orgId, principal, permissions, credential } = state;
    const { requestId, ip, userAgent, idempotency, ifMatch } = caller;
    return Object.freeze({
      orgId,
      principal,
      permissions,
      credential,
      via: null,
      requestId,
      ip,
      userAgent,
      idempotency,
      ifMatch,
    } satisfies OrgContext);
  }

  async isCurrent(ctx: OrgContext): Promise<boolean> {
    if (ctx.credential === null) return ctx.principal.kind === 'system';
    const state = await this.states.now(ctx);
    return (
      state !== null &&
      state.orgId === ctx.orgId &&
      state.principal.kind === ctx.principal.kind &&
      state.principal.id === ctx.principal.id &&
      state.principal.role === ctx.principal.role &&
      state.permissions.size === ctx.permissions.size &&
      [...state.permissions].every((permission) => ctx.permissions.has(permission))
    );
  }

  async permissionsNow(ctx: Pick<OrgContext, 'orgId' | 'credential'>): Promise<ReadonlySet<Permission> | null> {
    return (await this.states.now(ctx))?.permissions ?? null;
  }

  private find(token: string): Promise<Found> {
    const name = isApiKey(token) ? 'api_key' : 'access_token';
    return new Promise((resolve, reject) => {
      // Passport tells why an access token failed before its claims were looked at; the signature is checked before the time.
      const answer: Answer = (error, state, why) =>
        error
          ? reject(error)
          : resolve({ state: state || null, ours: name === 'access_token' && (!why || (why as Error).name === 'TokenExpiredError') });
      const handler = this.passport.authenticate(name, { session: false }, answer) as (request: Bearer, reply: object, next: Done) => void;
      handler({ token }, {}, answer);
    });
  }

  private accessTokenStrategy(tokens: AccessTokens): JwtStrategy {
    return new JwtStrategy(
      {
        jwtFromRequest: (request: unknown) => (request as Bearer).token,
        secretOrKeyProvider: (_request: unknown, token: unknown, done: (error: unknown, key?: never) => void) => {
          const key = tokens.keyFor(String(token));
          // The types know strings and buffers only; a KeyObject spares the import of the secret at each request.
          if (key) done(null, key as never);
          else done(invalidToken());
        },
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
      },
      (payload: unknown, done: Done) => {
        void this.ofClaims(payload).then((state) => done(null, state ?? false), done);
      },
    );
  }

  private async ofClaims(payload: unknown): Promise<CredentialState | null> {
    const claims = checkedClaims(payload);
    if (!claims) return null;
    const state = await this.states.session(claims.sid);
    if (!state || state.orgId !== claims.org || state.principal.id !== claims.sub) return null;
    return { ...state, credential: { ...state.credential, expiresAt: claims.exp * 1_000 } };
  }

  private apiKeyStrategy(): CustomStrategy {
    return new CustomStrategy((request: unknown, done: Done) => {
      void this.states.apiKey((request as Bearer).token).then((state) => done(null, state ?? false), done);
    });
  }
}

const isApiKey = (token: string) => token.startsWith(API_KEY_PREFIX);
