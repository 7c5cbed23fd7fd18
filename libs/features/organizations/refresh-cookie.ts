import { fastifyCookie, type SerializeOptions } from '@fastify/cookie';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refresh, SignedIn, TokenPair } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Forbidden, Unauthenticated } from '@atrium/platform/errors';
import { type OpenedSession, SessionsService, type SessionTokens } from './sessions.service.js';

/** Thirty days, as the session itself. Seconds. */
const MAX_AGE_SECONDS = 30 * 24 * 3_600;

/** Carries refresh tokens of browsers in a cookie that no page can read, and demands a CSRF header beside it. */
@Injectable()
export class RefreshCookie {
  private readonly name: string;
  private readonly attributes: SerializeOptions;

  constructor(
    private readonly sessions: SessionsService,
    @Inject(CONFIG) config: Config,
  ) {
    const secure = config.PUBLIC_URL?.startsWith('https:') ?? false;
    this.name = secure ? '__Host-atrium_refresh' : 'atrium_refresh';
    this.attributes = { httpOnly: true, sameSite: 'strict', secure, path: secure ? '/' : '/v1/auth' };
  }

  /** Who signed in, and the tokens that the client may see. */
  signedIn(reply: FastifyReply, { user, organization, tokens }: OpenedSession): SignedIn {
    return { user, organization, ...this.pair(reply, tokens) };
  }

  pair(reply: FastifyReply, tokens: SessionTokens): TokenPair {
    const { accessToken, refreshToken, csrfToken, expiresIn } = tokens;
    if (tokens.transport === 'body') return { accessToken, refreshToken, expiresIn };
    reply.header('set-cookie', fastifyCookie.serialize(this.name, refreshToken, { ...this.attributes, maxAge: MAX_AGE_SECONDS }));
    return { accessToken, csrfToken, expiresIn };
  }

  /**
   * The refresh token of the body or, with the CSRF header, of the cookie.
   * @throws Unauthenticated `auth.required`, Forbidden `auth.csrf_refused`
   */
  tokenOf(request: FastifyRequest, body: Refresh | null | undefined): string {
    if (body?.refreshToken !== undefined) return body.refreshToken;
    const token = this.read(request);
    if (token === null) throw new Unauthenticated('auth.required', 'Send a refresh token, in the body or as the cookie.');
    this.assertCsrf(request, token);
    return token;
  }

  /** Takes the cookie away; one that names a session must come with its CSRF header. @throws Forbidden `auth.csrf_refused` */
  clear(request: FastifyRequest, reply: FastifyReply): void {
    const token = this.read(request);
    if (token === null) return;
    this.assertCsrf(request, token);
    reply.header('set-cookie', fastifyCookie.serialize(this.name, '', { ...this.attributes, maxAge: 0 }));
  }

  private read(request: FastifyRequest): string | null {
    const header = request.headers.cookie;
    return header === undefined ? null : (fastifyCookie.parse(header)[this.name] ?? null);
  }

  /** A cookie that is no token of ours needs no protection: nothing will be done with it. */
  private assertCsrf(request: FastifyRequest, token: string): void {
    const sessionId = this.sessions.sessionOfCookie(token);
    if (sessionId === null || this.sessions.isCsrf(sessionId, request.headers['x-csrf-token'])) return;
    throw new Forbidden('auth.csrf_refused', 'Send the csrfToken of the sign-in as X-CSRF-Token.');
  }
}
