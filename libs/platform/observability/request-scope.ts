import { AsyncLocalStorage } from 'node:async_hooks';

/** For log lines and traces only; features get their context as the first parameter. */
export const requestScope = new AsyncLocalStorage<{ requestId: string }>();
