import { STATUS_CODES } from 'node:http';
import type { Problem } from '@atrium/contracts';
import { DomainError } from './domain-error.js';

/** The one way from a failure to what a client sees (HTTP, sockets, tools, jobs). Unknown failures show only the request id. */
export function toProblem(error: unknown, at: { instance: string; requestId: string }): Problem {
  if (!(error instanceof DomainError)) {
    return {
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      detail: `Something failed on our side. Quote request ${at.requestId} when you report it.`,
      code: 'internal',
      ...at,
    };
  }
  return {
    type: `/problems/${error.code}`,
    title: STATUS_CODES[error.status] ?? error.kind,
    status: error.status,
    detail: error.message,
    code: error.code,
    ...at,
    ...(error.options.places ? { errors: error.options.places } : {}),
  };
}
