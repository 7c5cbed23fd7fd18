import { SetMetadata } from '@nestjs/common';
import type { Permission } from '@atrium/contracts';

export const ACCESS = 'atrium:access';
export type AccessDeclaration = { kind: 'public' } | { kind: 'permission'; permission: Permission };

/** The route, frame or tool needs this permission. A missing permission is 403 before any look-up. */
export const Requires = (permission: Permission) => SetMetadata(ACCESS, { kind: 'permission', permission } satisfies AccessDeclaration);

/** Anyone may call this. */
export const Public = () => SetMetadata(ACCESS, { kind: 'public' } satisfies AccessDeclaration);
