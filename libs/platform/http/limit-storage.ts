import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';

interface Window {
  hits: number;
  endsAt: number;
}

/** Fixed windows of a minute, counted in this process. */
@Injectable()
export class LimitStorage implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, Window>({ max: 50_000 });

  increment(key: string, ttlMs: number, limit: number) {
    const now = Date.now();
    const open = this.windows.get(key);
    const window = open && open.endsAt > now ? open : { hits: 0, endsAt: now + ttlMs };
    window.hits++;
    this.windows.set(key, window);
    const timeToExpire = Math.ceil((window.endsAt - now) / 1_000);
    return Promise.resolve({ totalHits: window.hits, timeToExpire, isBlocked: window.hits > limit, timeToBlockExpire: timeToExpire });
  }
}
