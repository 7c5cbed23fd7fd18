import { Unauthenticated } from '@atrium/platform/errors';

/** The one answer to every credential that does not count: it tells nobody which of the reasons holds. */
export function invalidToken(): Unauthenticated {
  return new Unauthenticated(
    'auth.invalid_token',
    'The token or API key is unknown, expired or revoked, or its owner was suspended. Sign in again, or make a new key; if that fails too, ask an administrator.',
  );
}
