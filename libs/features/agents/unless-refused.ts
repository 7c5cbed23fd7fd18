import { DomainError } from '@atrium/platform/errors';

/** Null for a refusal that would be the same again; failures that may pass are thrown. */
export async function unlessRefused<T>(fn: () => Promise<T>): Promise<T | null> {
  try {
    return await fn();
  } catch (error) {
    if (error instanceof DomainError && !error.retryable) return null;
    throw error;
  }
}
