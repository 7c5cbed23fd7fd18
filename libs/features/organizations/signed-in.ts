import type { UserId } from '@atrium/contracts';
import { Forbidden } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

/**
 * The person who signed in; what concerns the account itself is not for keys and agents.
 * @throws Forbidden `auth.permission_missing`
 */
export function assertSignedIn(ctx: OrgContext): UserId {
  if (ctx.principal.kind === 'user' && ctx.credential?.kind === 'session') return ctx.principal.id;
  throw new Forbidden('auth.permission_missing', 'This needs a person who signed in; an API key cannot do it.');
}
