import { Forbidden } from '@atrium/platform/errors';

/** Who may create organizations: anyone; only the instance's first person, once; nobody. */
export type Registration = 'open' | 'invite' | 'closed';

/** @throws Forbidden `auth.registration_closed` */
export function assertMayFound(registration: Registration, isFirstPerson: boolean): void {
  if (registration === 'open' || (registration === 'invite' && isFirstPerson)) return;
  throw new Forbidden('auth.registration_closed', 'This server does not let anyone create organizations. Ask for an invitation into one.');
}
