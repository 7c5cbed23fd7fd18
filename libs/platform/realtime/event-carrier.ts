import { createHash, randomUUID } from 'node:crypto';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Events, type LoggedEvent } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import { type RedisClient, RedisConnection } from '@atrium/platform/redis';
import { RealtimeHub } from './realtime-hub.js';

const SHARDS = 16;
const MAX_EVENTS_PER_SHARD = 10_000;
/**
 * Events hold text of persons, which must not outlive its erasure here. What is older is trimmed with each event of the shard, and a shard
 * that falls silent is gone after so long: nothing is kept for more than twice this. Seconds.
 */
const KEPT_SECONDS = 60;
/** How long one read waits for news. Milliseconds. */
const BLOCK_MS = 5_000;
const RETRY_MS = 500;
const READ_AT_ONCE = 500;

/**
 * Brings committed events to the other processes, over Redis streams that are sharded by organization. Only a hint that saves a second:
 * what gets lost here is found in the log.
 */
@Injectable()
export class EventCarrier implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly self = randomUUID();
  private unlisten: () => void = () => undefined;
  private reader: RedisClient | null = null;
  private stopped = false;

  constructor(
    private readonly redis: RedisConnection,
    private readonly events: Events,
    private readonly hub: RealtimeHub,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.redis.configured) return;
    this.unlisten = this.events.listen((event) => this.send(event));
    this.reader = this.redis.dedicated();
    if (this.reader) void this.read(this.reader);
  }

  beforeApplicationShutdown(): void {
    this.stopped = true;
    this.unlisten();
    this.reader?.disconnect();
  }

  private send(event: LoggedEvent): void {
    if (!this.redis.up) return;
    const key = shardOf(event.organizationId);
    const fields = ['org', event.organizationId, 'from', this.self, 'event', JSON.stringify(event)];
    void this.redis.attempt((client) =>
      client
        .pipeline()
        .xadd(key, 'MAXLEN', '~', MAX_EVENTS_PER_SHARD, '*', ...fields)
        .xtrim(key, 'MINID', Date.now() - KEPT_SECONDS * 1_000)
        .expire(key, KEPT_SECONDS)
        .exec(),
    );
  }

  private async read(client: RedisClient): Promise<void> {
    let from: Map<string, string> | null = null;
    while (!this.stopped) {
      try {
        from ??= await presentOf(client);
        const reply = await client.xread('COUNT', READ_AT_ONCE, 'BLOCK', BLOCK_MS, 'STREAMS', ...from.keys(), ...from.values());
        for (const [stream, entries] of reply ?? []) {
          for (const [id, fields] of entries) {
            from.set(stream, id);
            this.hear(stream, fields);
          }
        }
      } catch (error) {
        if (this.stopped) return;
        // What is missed until Redis is back is found in the log.
        from = null;
        this.log.debug('the event streams cannot be read', { component: 'redis', reason: error instanceof Error ? error.message : null });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private hear(stream: string, fields: string[]): void {
    const [, org, , from, , json] = fields;
    if (!org || !json || from === this.self || !this.hub.follows(org as OrgId)) return;
    try {
      const event = JSON.parse(json) as LoggedEvent;
      if (event.organizationId === org && shardOf(event.organizationId) === stream) this.hub.offer(event);
    } catch {
      // Not an event: the log has the real one.
    }
  }
}

function shardOf(orgId: OrgId): string {
  return `atrium:events:${(createHash('sha256').update(orgId).digest()[0] ?? 0) % SHARDS}`;
}

/** Stream ids are times of the Redis server: from a little before now on. Seen ones do no harm, their seq is known. */
async function presentOf(client: RedisClient): Promise<Map<string, string>> {
  const [seconds] = await client.time();
  const id = `${(Number(seconds) - 2) * 1_000}-0`;
  return new Map(Array.from({ length: SHARDS }, (_, shard) => [`atrium:events:${shard}`, id]));
}
