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
export { toProblem } from './to-problem.js';
