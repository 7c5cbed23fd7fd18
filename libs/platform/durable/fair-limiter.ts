/**
 * Lets `capacity` tasks run at once, and at most `share` (default: all) of one organization; of those that wait it takes organizations in
 * turn, so that a busy or slow one delays only itself.
 */
export class FairLimiter {
  private running = 0;
  private readonly runningOf = new Map<string, number>();
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(
    private readonly capacity: number,
    private readonly share = capacity,
  ) {}

  /** A task whose signal is aborted before its turn does not run. @throws what the task throws, and the signal's reason */
  async run<T>(orgId: string, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.mayEnter(orgId)) this.enter(orgId);
    else await this.turn(orgId, signal);
    try {
      return await task();
    } finally {
      this.leave(orgId);
    }
  }

  /** How many tasks of the organization wait for their turn. */
  waitingOf(orgId: string): number {
    return this.waiting.get(orgId)?.length ?? 0;
  }

  private turn(orgId: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leaveQueue = () => {
        this.keepWaiting(
          orgId,
          (this.waiting.get(orgId) ?? []).filter((one) => one !== begin),
        );
        reject(signal?.reason);
      };
      const begin = () => {
        signal?.removeEventListener('abort', leaveQueue);
        resolve();
      };
      this.waiting.set(orgId, [...(this.waiting.get(orgId) ?? []), begin]);
      signal?.addEventListener('abort', leaveQueue, { once: true });
    });
  }

  private keepWaiting(orgId: string, rest: (() => void)[]): void {
    if (rest.length > 0) this.waiting.set(orgId, rest);
    else this.waiting.delete(orgId);
  }

  private mayEnter(orgId: string): boolean {
    return this.running < this.capacity && (this.runningOf.get(orgId) ?? 0) < this.share;
  }

  private enter(orgId: string): void {
    this.running++;
    this.runningOf.set(orgId, (this.runningOf.get(orgId) ?? 0) + 1);
  }

  /** Hands the place to the organization that has waited longest since its last turn and has not all of its share. */
  private leave(orgId: string): void {
    this.running--;
    const left = (this.runningOf.get(orgId) ?? 1) - 1;
    if (left > 0) this.runningOf.set(orgId, left);
    else this.runningOf.delete(orgId);
    for (const [next, [first, ...rest]] of this.waiting) {
      if (!this.mayEnter(next)) continue;
      // At the end of those that wait.
      this.waiting.delete(next);
      this.keepWaiting(next, rest);
      this.enter(next);
      return first?.();
    }
  }
}
