/** Lets `capacity` tasks run at once, and of those that wait takes organizations in turn, so that a busy one delays only itself. */
export class FairLimiter {
  private running = 0;
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(private readonly capacity: number) {}

  async run<T>(orgId: string, task: () => Promise<T>): Promise<T> {
    if (this.running < this.capacity) this.running++;
    else await new Promise<void>((resolve) => this.waiting.set(orgId, [...(this.waiting.get(orgId) ?? []), resolve]));
    try {
      return await task();
    } finally {
      this.release();
    }
  }

  /** Hands the place to the organization that has waited longest since its last turn. */
  private release(): void {
    const next = this.waiting.entries().next();
    if (next.done) {
      this.running--;
      return;
    }
    const [orgId, [first, ...rest]] = next.value;
    this.waiting.delete(orgId);
    if (rest.length > 0) this.waiting.set(orgId, rest);
    first?.();
  }
}
