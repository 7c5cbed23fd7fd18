import { randomUUID } from 'node:crypto';
import { loadConfig } from '@atrium/platform/config';
import { Log } from '@atrium/platform/observability';
import { Redis, RedisConnection } from '@atrium/platform/redis';
import { LimitStorage } from './limit-storage.js';

const storageOn = (redisUrl: string | undefined) => {
  const connection = new RedisConnection(
    loadConfig({ DATA_DIR: process.env['DATA_DIR'], ...(redisUrl ? { REDIS_URL: redisUrl } : {}) }),
    new Log('silent'),
  );
  return { connection, storage: new LimitStorage(new Redis(connection)) };
};

describe('LimitStorage', () => {
  it('counts in this process without Redis', async () => {
    const { storage } = storageOn(undefined);
    const key = `${randomUUID()}|principal|user:1`;

    const hits = [
      await storage.increment(key, 60_000, 2),
      await storage.increment(key, 60_000, 2),
      await storage.increment(key, 60_000, 2),
    ];

    expect(hits.map(({ totalHits, isBlocked }) => [totalHits, isBlocked])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    expect(hits[0]?.timeToExpire).toBeLessThanOrEqual(60);
  });

  it('opens a new window after the old one', async () => {
    const { storage } = storageOn(undefined);
    const key = `${randomUUID()}|principal|user:1`;
    await storage.increment(key, 20, 1);

    await new Promise((resolve) => setTimeout(resolve, 30));

    expect((await storage.increment(key, 20, 1)).totalHits).toBe(1);
  });

  it('is stricter while Redis is away', async () => {
    const { storage, connection } = storageOn('redis://127.0.0.1:1');
    const key = `${randomUUID()}|principal|user:1`;

    expect((await storage.increment(key, 60_000, 2)).totalHits).toBe(2);
    expect((await storage.increment(key, 60_000, 2)).isBlocked).toBe(true);
    connection.beforeApplicationShutdown();
  });

  (process.env['REDIS_URL'] ? it : it.skip)('counts for all processes in Redis', async () => {
    const one = storageOn(process.env['REDIS_URL']);
    const other = storageOn(process.env['REDIS_URL']);
    await Promise.all(
      [one, other].map(async ({ connection }) => {
        while (!connection.up) await new Promise((resolve) => setTimeout(resolve, 10));
      }),
    );
    const key = `${randomUUID()}|principal|user:1`;

    await one.storage.increment(key, 60_000, 5);
    const second = await other.storage.increment(key, 60_000, 5);

    expect(second.totalHits).toBe(2);
    for (const { connection } of [one, other]) connection.beforeApplicationShutdown();
  });
});
