export {
  DomainError,
  Invalid,
  Unauthenticated,
  Forbidden,
  NotFound,
  Conflict,
  QuotaExceeded,
  Unavailable,
  type DomainErrorOptions,
} from './domain-error.js';
export { pointerTo } from './pointer.js';
export { toProblem } from './to-problem.js';
