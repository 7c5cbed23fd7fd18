import { PROBLEM_STATUS, type ProblemCode, type ProblemKind, type ProblemPlace } from '@atrium/contracts';

export interface DomainErrorOptions {
  /** Facts for the reader of the log and for tests; never shown to clients. */
  params?: Record<string, unknown>;
  /** Whether the same request may succeed later without a change. Default: true for QuotaExceeded and Unavailable. */
  retryable?: boolean;
  /** Seconds, sent as Retry-After. */
  retryAfterSeconds?: number;
  /** The places of the request that are at fault. */
  places?: ProblemPlace[];
  /** Another HTTP status than the kind's, where HTTP has a more exact one (412, 413, 415, 422, 507). */
  status?: number;
  cause?: unknown;
}

/** A failure that the caller can understand. `message` is shown to clients: one sentence that says what to do, no internals. */
export class DomainError extends Error {
  readonly retryable: boolean;
  readonly status: number;

  constructor(
    readonly kind: ProblemKind,
    readonly code: ProblemCode,
    message: string,
    readonly options: DomainErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.name = kind;
    this.retryable = options.retryable ?? (kind === 'QuotaExceeded' || kind === 'Unavailable');
    this.status = options.status ?? PROBLEM_STATUS[kind];
  }
}

const kindOf = (kind: ProblemKind) =>
  class extends DomainError {
    constructor(code: ProblemCode, message: string, options?: DomainErrorOptions) {
      super(kind, code, message, options);
    }
  };

export class Invalid extends kindOf('Invalid') {}
export class Unauthenticated extends kindOf('Unauthenticated') {}
export class Forbidden extends kindOf('Forbidden') {}
export class NotFound extends kindOf('NotFound') {}
export class Conflict extends kindOf('Conflict') {}
export class QuotaExceeded extends kindOf('QuotaExceeded') {}
export class Unavailable extends kindOf('Unavailable') {}
