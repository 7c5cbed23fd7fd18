import type { OrgContext } from './org-context.js';

/**
 * Rights that ended or changed: of one session, of one API key, or (with neither) of everything that a person has in the organization.
 * Plain data, so that it can travel between processes.
 */
export interface RevocationNotice {
  readonly orgId: string;
  readonly userId?: string;
  readonly sessionId?: string;
  readonly apiKeyId?: string;
}
/** `here`: told by a command of this process; `elsewhere`: brought from another one, and not to be carried on. */
export type RevocationOrigin = 'here' | 'elsewhere';

/** Tells within this process that credentials ended, right after the commit. A convenience: what counts is what the database says. */
export class Revocations {
  private readonly listeners = new Set<(notice: RevocationNotice, origin: RevocationOrigin) => void>();

  revoke(notice: RevocationNotice, origin: RevocationOrigin = 'here'): void {
    for (const listener of this.listeners) listener(notice, origin);
  }

  /** `listener` must not throw. Answers how to stop listening. */
  listen(listener: (notice: RevocationNotice, origin: RevocationOrigin) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Whether the notice is about the credential with which this context was made. */
export function concerns(notice: RevocationNotice, ctx: Pick<OrgContext, 'orgId' | 'principal' | 'credential'>): boolean {
  if (notice.orgId !== ctx.orgId) return false;
  if (notice.sessionId !== undefined) return ctx.credential?.kind === 'session' && ctx.credential.id === notice.sessionId;
  if (notice.apiKeyId !== undefined) return ctx.credential?.kind === 'api_key' && ctx.credential.id === notice.apiKeyId;
  const person = ctx.principal.kind === 'user' ? ctx.principal.id : ctx.principal.onBehalfOf;
  return notice.userId === undefined || notice.userId === person;
}
