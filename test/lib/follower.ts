import { LiveClient } from './live-client.js';

const RETRY_MS = 100;

/** A client that comes back after every lost connection and resumes where it was, and keeps what it saw. */
export class Follower {
  /** The seqs received, in the order of arrival. */
  readonly seqs: number[] = [];
  /** Gaps, repeats, starts anew: what must not happen. */
  readonly faults: string[] = [];
  connections = 0;
  private client: LiveClient | null = null;
  private last = 0;
  private stopped = false;
  private readonly work: Promise<void>;

  private constructor(
    private readonly token: string,
    private readonly baseUrl: string,
    client: LiveClient,
  ) {
    this.last = client.position;
    this.work = this.follow(client);
  }

  static async start(token: string, baseUrl: string): Promise<Follower> {
    return new Follower(token, baseUrl, await LiveClient.connect(token, { baseUrl }));
  }

  get position(): number {
    return this.client ? Math.max(this.last, this.client.position) : this.last;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.client?.close();
    await this.work;
  }

  private async follow(first: LiveClient): Promise<void> {
    for (let client: LiveClient | null = first; client; client = this.stopped ? null : await this.reconnect()) {
      this.client = client;
      this.connections += 1;
      await client.closed;
      this.take(client);
    }
  }

  /** What one connection brought, from where the one before it ended. */
  private take(client: LiveClient): void {
    this.client = null;
    for (const fault of client.brokenLinks(this.last)) this.faults.push(`connection ${this.connections}: ${fault}`);
    if (client.frames.some((frame) => frame.type === 'reset')) this.faults.push(`connection ${this.connections} was told to start anew`);
    for (const { seq } of client.eventFrames) this.seqs.push(seq);
    this.last = client.eventFrames.at(-1)?.seq ?? this.last;
  }

  private async reconnect(): Promise<LiveClient | null> {
    while (!this.stopped) {
      try {
        const client = await LiveClient.open({ baseUrl: this.baseUrl });
        const answer = await client.auth(this.token, this.last);
        if (answer.type === 'ready') return client;
        await client.close();
      } catch {
        // Not there yet.
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return null;
  }
}
