import { Conflict } from '@atrium/platform/errors';
import type { Caller } from '@atrium/platform/tenancy';

interface Versioned {
  updatedAt: Date | string;
  revision?: number;
}

/** The ETag of a mutable resource: changes with every change of it. */
export function etagOf(resource: Versioned): string {
  return `"${new Date(resource.updatedAt).getTime().toString(36)}-${resource.revision ?? 0}"`;
}

/**
 * Honours If-Match; call it in the command, with the locked row.
 * @throws Conflict `request.precondition_failed` (412)
 */
export function assertUnchanged(caller: Pick<Caller, 'ifMatch'>, resource: Versioned): void {
  if (caller.ifMatch === null || caller.ifMatch === '*' || caller.ifMatch.split(',').some((tag) => tag.trim() === etagOf(resource))) return;
  throw new Conflict('request.precondition_failed', 'It was changed since you read it. Read it again and repeat your change.', {
    status: 412,
  });
}

/** Later than `before`, so that the ETag changes even within one millisecond, and where the clock went back. */
export function later(before: Date): Date {
  return new Date(Math.max(Date.now(), before.getTime() + 1));
}
