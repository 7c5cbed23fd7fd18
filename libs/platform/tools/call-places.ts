import type { ProblemCode } from '@atrium/contracts';
import { QuotaExceeded } from '@atrium/platform/errors';

/** How many calls of one organization may be under way in a process, so that what is slow takes the place of its own calls only. */
const MAX_CALLS = 8;

/** The places of the calls of one kind. */
export class CallPlaces {
  private readonly underWay = new Map<string, number>();

  /** `code` of the refusal when all are taken; `what` is called, in words. */
  constructor(
    private readonly code: ProblemCode,
    private readonly what: string,
  ) {}

  /** @throws QuotaExceeded of the code, and what `fn` throws */
  async within<T>(orgId: string, fn: () => Promise<T>): Promise<T> {
    const count = this.underWay.get(orgId) ?? 0;
    if (count >= MAX_CALLS)
      throw new QuotaExceeded(this.code, `${MAX_CALLS} calls of the organization to ${this.what} are under way.`, { retryAfterSeconds: 5 });
    this.underWay.set(orgId, count + 1);
    try {
      return await fn();
    } finally {
      const left = (this.underWay.get(orgId) ?? 1) - 1;
      if (left > 0) this.underWay.set(orgId, left);
      else this.underWay.delete(orgId);
    }
  }
}
