import { type CanActivate, createParamDecorator, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Forbidden, Unauthenticated } from '@atrium/platform/errors';
import { ACCESS, type AccessDeclaration } from './declarations.js';
import { assertPermission, type Caller, type OrgContext } from './org-context.js';
import { Authenticator } from './ports.js';

/** What the http edge and this guard leave on a request. */
export interface AtriumRequest extends FastifyRequest {
  caller: Caller;
  org?: OrgContext;
}

/** Default deny: a handler that declares nothing is refused (and stops the boot before that). */
@Injectable()
export class OrgGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: Authenticator,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.reflector.getAllAndOverride<AccessDeclaration | undefined>(ACCESS, [context.getHandler(), context.getClass()]);
    if (!access) throw new Forbidden('auth.permission_missing', 'This route declares no access and is closed.');
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<AtriumRequest>();
    request.org = await this.authenticator.authenticate(bearerToken(request), request.caller);
    if (access.kind === 'permission') assertPermission(request.org, access.permission);
    return true;
  }
}

/** @throws Unauthenticated `auth.required` */
function bearerToken(request: FastifyRequest): string {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0)
    throw new Unauthenticated('auth.required', 'Send an access token or API key as "Authorization: Bearer …".');
  return token;
}

/** The request's context, as the guard made it. */
export const Ctx = createParamDecorator((_: unknown, context: ExecutionContext): OrgContext => {
  const { org } = context.switchToHttp().getRequest<AtriumRequest>();
  if (!org) throw new Error('@Ctx() on a route that is public');
  return org;
});

/** Where the request of a public route comes from. */
export const From = createParamDecorator(
  (_: unknown, context: ExecutionContext): Caller => context.switchToHttp().getRequest<AtriumRequest>().caller,
);
