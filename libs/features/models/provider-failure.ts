import { DomainError, Unavailable } from '@atrium/platform/errors';

/** A failure of a model, its provider or its budget, not of ours. */
export const isOfModels = (error: unknown): error is DomainError => error instanceof DomainError && /^(ai|models)\./.test(error.code);

/** A failure of a model, not of a budget or of ours. */
export const isModelFailure = (error: unknown): error is DomainError => error instanceof DomainError && error.code.startsWith('ai.');

/** The same, or what is wrong with what is kept of its provider. */
export const isProviderFailure = (error: unknown): error is DomainError =>
  isModelFailure(error) || (error instanceof DomainError && error.code === 'models.key_unreadable');

/** Whether another endpoint may do better: not with a request or key that was understood and refused. */
export const mayPassOn = (error: unknown): boolean => isProviderFailure(error) && error.code !== 'ai.rejected';

/** The failure in words that name the provider; that of the server's own endpoint as it is. */
export function namedFailure(error: unknown, provider: string | null): unknown {
  if (provider === null || !isModelFailure(error)) return error;
  const { code, retryable, options } = error;
  const reason = String(options.params?.['reason'] ?? '');
  return new Unavailable(code, `The model provider ${provider} ${saying(code, reason)}`, { ...options, retryable, cause: error });
}

function saying(code: DomainError['code'], reason: string): string {
  if (code === 'ai.unavailable') return 'cannot be reached at the moment; try again later.';
  if (code === 'ai.timed_out') return 'did not answer in time; try again later.';
  if (code === 'ai.malformed') return 'answered something that could not be understood.';
  if (reason === 'address_refused')
    return 'has an address that may not be called from here: an administrator has to change it, or the operator to allow it (OUTBOUND_ALLOW).';
  if (/^40[13]\b/.test(reason)) return `refused the key (${reason}): an administrator has to give it another one.`;
  return `refused the request (${reason}): an administrator has to look at its address and models.`;
}
