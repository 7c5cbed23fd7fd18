import { Unauthenticated } from '@atrium/platform/errors';

/** The one answer to every credential that does not count: it tells nobody why. */
export function invalidToken(): Unauthenticated {
  return new Unauthenticated('auth.invalid_token', 'The token is not valid. Sign in again.');
}
