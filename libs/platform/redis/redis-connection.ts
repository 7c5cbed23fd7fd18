import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { Redis as Client } from 'ioredis';
import { type Config, CONFIG } from '@atrium/platform/config';
import { Log } from '@atrium/platform/observability';

export type RedisClient = Client;

/** How long a command may take. Milliseconds. After that the caller goes on without Redis. */
const COMMAND_MS = 500;
/** The longest pause between two tries to connect. Milliseconds. */
const MAX_PAUSE_MS = 2_000;

/**
 * The connection to Redis, for ever trying to be one. Without REDIS_URL there is none. Nothing that goes wrong here reaches a request:
 * `attempt` answers null, and whoever asked has another way.
 */
@Injectable()
export class RedisConnection implements BeforeApplicationShutdown {
  private readonly client: Client | null;
  private readonly own: Client[] = [];
  private wasDown = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly log: Log,
  ) {
    this.client = this.connect({ commandTimeout: COMMAND_MS, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  }

  /** Whether a REDIS_URL is set. */
  get configured(): boolean {
    return this.client !== null;
  }

  /** Whether commands would reach Redis now. */
  get up(): boolean {
    return this.client?.status === 'ready';
  }

  /** Runs a command; null when Redis is not there, is slow or refuses. */
  async attempt<T>(command: (client: Client) => Promise<T>): Promise<T | null> {
    if (!this.client || !this.up) return null;
    try {
      return await command(this.client);
    } catch (error) {
      this.log.warn('a Redis command failed', { component: 'redis', reason: reasonOf(error) });
      return null;
    }
  }

  /** A connection of the caller's own, to block on or to subscribe with; null without REDIS_URL. Closed with this one. */
  dedicated(): Client | null {
    const client = this.connect({ maxRetriesPerRequest: null });
    if (client) this.own.push(client);
    return client;
  }

  beforeApplicationShutdown(): void {
    for (const client of [this.client, ...this.own]) client?.disconnect();
  }

  private connect(options: { commandTimeout?: number; enableOfflineQueue?: boolean; maxRetriesPerRequest: number | null }): Client | null {
    if (!this.config.redisUrl) return null;
    const retryStrategy = (tries: number) => Math.min(50 * 2 ** Math.min(tries, 10), MAX_PAUSE_MS) * (0.75 + Math.random() / 2);
    const client = new Client(this.config.redisUrl.reveal(), { ...options, retryStrategy, connectTimeout: 5_000 });
    client.on('error', (error: Error) => this.noteDown(error));
    client.on('ready', () => this.noteUp());
    return client;
  }

  /** One line per outage, not one per try. */
  private noteDown(error: Error): void {
    if (!this.wasDown) this.log.warn('Redis cannot be reached; going on without it', { component: 'redis', reason: reasonOf(error) });
    this.wasDown = true;
  }

  private noteUp(): void {
    if (this.wasDown) this.log.info('Redis is back', { component: 'redis' });
    this.wasDown = false;
  }
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message.slice(0, 200) : typeof error);
