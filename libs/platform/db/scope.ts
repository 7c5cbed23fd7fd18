import { AsyncLocalStorage } from 'node:async_hooks';

export type DbRole = 'atrium_app' | 'atrium_identity' | 'atrium_system';

/** The open transaction of the running work. `open` is mutable: timers and sockets born inside inherit the store and must not look inside for ever. */
export interface DbScope {
  readonly role: DbRole;
  readonly orgId: string | null;
  readonly readOnly: boolean;
  open: boolean;
  readonly afterCommit: (() => void)[];
  /** Told of a statement that took longer than a second: its text, without the values bound to it. */
  slowQuery(sql: string, ms: number): void;
}

export const dbScope = new AsyncLocalStorage<DbScope>();

/** @throws Error when a transaction is open: on the embedded database the call would wait for itself. */
export function assertNoTransaction(what: string): void {
  if (dbScope.getStore()?.open) throw new Error(`${what} inside an open transaction`);
}

/** Runs `fn` once the open transaction has committed; never when it rolls back. `fn` must not throw. */
export function afterCommit(fn: () => void): void {
  const scope = dbScope.getStore();
  if (!scope?.open) throw new Error('afterCommit outside a transaction');
  scope.afterCommit.push(fn);
}
