import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { Permission } from '@atrium/contracts';

export const ACCESS = 'atrium:access';
export type AccessDeclaration = { kind: 'public' } | { kind: 'signed_in' } | { kind: 'permission'; permission: Permission };

/** The route, frame or tool needs this permission. A missing permission is 403 before any look-up. Shows as `x-permission` in OpenAPI. */
export const Requires = (permission: Permission) =>
  applyDecorators(
    SetMetadata(ACCESS, { kind: 'permission', permission } satisfies AccessDeclaration),
    ApiExtension('x-permission', permission),
  );

/** Anyone may call this. Shows as `x-permission: public` in OpenAPI. */
export const Public = () =>
  applyDecorators(SetMetadata(ACCESS, { kind: 'public' } satisfies AccessDeclaration), ApiExtension('x-permission', 'public'));

/** Anyone with a valid credential may call this; each thing behind it asks for its own permission. For doors that lead to many things. */
export const SignedIn = () =>
  applyDecorators(SetMetadata(ACCESS, { kind: 'signed_in' } satisfies AccessDeclaration), ApiExtension('x-permission', 'signed_in'));
