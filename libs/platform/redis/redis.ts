import { Injectable } from '@nestjs/common';
import type { OrgKey } from './org-key.js';
import { RedisConnection } from './redis-connection.js';

/** The form of stored values; others are refused, so that processes of two versions do not misread each other. */
const VERSION = 1;

interface Stored {
  org: string;
  v: number;
  data: unknown;
}

/** Values of organizations that can be rebuilt or may be lost. Every method answers null or false when Redis is not there. */
@Injectable()
export class Redis {
  /** Values that stood under a key of another organization or form: always 0, unless something is wrong. */
  mismatches = 0;

  constructor(private readonly connection: RedisConnection) {}

  get up(): boolean {
    return this.connection.up;
  }

  /** Whether this process is to share with others by Redis. */
  get configured(): boolean {
    return this.connection.configured;
  }

  /** @returns whether it was stored. */
  async set(key: OrgKey, data: unknown, ttlSeconds: number): Promise<boolean> {
    const value = JSON.stringify({ org: key.orgId, v: VERSION, data } satisfies Stored);
    return (await this.connection.attempt((client) => client.set(key.name, value, 'EX', ttlSeconds))) === 'OK';
  }

  async get(key: OrgKey): Promise<unknown> {
    return this.unwrap(key, await this.connection.attempt((client) => client.get(key.name)));
  }

  /** Reads and removes in one step: of two who take at once, one gets it. */
  async take(key: OrgKey): Promise<unknown> {
    return this.unwrap(key, await this.connection.attempt((client) => client.getdel(key.name)));
  }

  async remove(key: OrgKey): Promise<void> {
    await this.connection.attempt((client) => client.del(key.name));
  }

  /** Counts one more under the key in a window that opens with the first; null when Redis is not there. */
  async count(key: OrgKey, windowMs: number): Promise<{ hits: number; remainingMs: number } | null> {
    const replies = await this.connection.attempt((client) =>
      client.multi().incr(key.name).pexpire(key.name, windowMs, 'NX').pttl(key.name).exec(),
    );
    const [hits, , remainingMs] = (replies ?? []).map(([, reply]) => Number(reply));
    return hits === undefined || remainingMs === undefined ? null : { hits, remainingMs };
  }

  private unwrap(key: OrgKey, value: string | null): unknown {
    if (value === null) return null;
    const stored = parse(value);
    if (stored?.org === key.orgId && stored.v === VERSION) return stored.data;
    this.mismatches += 1;
    return null;
  }
}

function parse(value: string): Stored | null {
  try {
    return JSON.parse(value) as Stored | null;
  } catch {
    return null;
  }
}
