import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';
import type { OrgId } from '@atrium/contracts';
import { orgKey, Redis } from '@atrium/platform/redis';

interface Window {
  hits: number;
  endsAt: number;
}

/** How much a hit counts while Redis is away and each process counts alone: two processes together then let through no more than one did. */
const ALONE_FACTOR = 2;

/** Fixed windows, counted in Redis for all processes; in this process, and stricter, while Redis is away. Keys are `<organization>|<rest>`. */
@Injectable()
export class LimitStorage implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, Window>({ max: 50_000 });

  constructor(private readonly redis: Redis) {}

  async increment(key: string, windowMs: number, limit: number) {
    const { hits, remainingMs } = (await this.shared(key, windowMs)) ?? this.alone(key, windowMs);
    const timeToExpire = Math.ceil(remainingMs / 1_000);
    return { totalHits: hits, timeToExpire, isBlocked: hits > limit, timeToBlockExpire: timeToExpire };
  }

  private shared(key: string, windowMs: number): Promise<{ hits: number; remainingMs: number } | null> {
    const [orgId = '', ...rest] = key.split('|');
    return this.redis.count(orgKey(orgId as OrgId, 'limit', ...rest), windowMs);
  }

  private alone(key: string, windowMs: number): { hits: number; remainingMs: number } {
    const now = Date.now();
    const open = this.windows.get(key);
    const window = open && open.endsAt > now ? open : { hits: 0, endsAt: now + windowMs };
    window.hits += this.redis.configured ? ALONE_FACTOR : 1;
    this.windows.set(key, window);
    return { hits: window.hits, remainingMs: window.endsAt - now };
  }
}
