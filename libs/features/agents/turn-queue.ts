/** Lets `total` turns run at once, and `perOrganization` of one organization; of those that wait, the longest-waiting that may goes next. */
export class TurnQueue {
  private running = 0;
  private readonly byOrganization = new Map<string, number>();
  private readonly waiting: { orgId: string; start: () => void }[] = [];

  constructor(
    private readonly total: number,
    private readonly perOrganization: number,
  ) {}

  async run<T>(orgId: string, turn: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      this.waiting.push({ orgId, start });
      this.startNext();
    });
    try {
      return await turn();
    } finally {
      this.running--;
      this.count(orgId, -1);
      this.startNext();
    }
  }

  private startNext(): void {
    while (this.running < this.total) {
      const at = this.waiting.findIndex(({ orgId }) => (this.byOrganization.get(orgId) ?? 0) < this.perOrganization);
      const [next] = at < 0 ? [] : this.waiting.splice(at, 1);
      if (!next) return;
      this.running++;
      this.count(next.orgId, 1);
      next.start();
    }
  }

  private count(orgId: string, change: number): void {
    const now = (this.byOrganization.get(orgId) ?? 0) + change;
    if (now === 0) this.byOrganization.delete(orgId);
    else this.byOrganization.set(orgId, now);
  }
}
