import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Redis as Client } from 'ioredis';
import { Redis, RedisConnection, orgKey } from '@atrium/platform/redis';
import { Revocations } from '@atrium/platform/tenancy';
import { eventually } from '../../../test/lib/api.js';
import { LiveClient } from '../../../test/lib/live-client.js';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { OwnRedis } from '../../../test/lib/redis.js';
import { channelEvent, newPerson, openLog, type Process, startProcess, told } from './testing/realtime-process.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
(hasRedis ? describe : describe.skip)('two processes with Redis between them', () => {
  let own: OwnDatabase;
  let redis: OwnRedis;
  let here: Process;
  let other: Process;

  beforeAll(async () => {
    own = await ownDatabase();
    redis = await OwnRedis.start();
    here = await startProcess(own.database, { REDIS_URL: redis.url });
    other = await startProcess(own.database, { REDIS_URL: redis.url });
    await bothUp();
  });
  afterAll(async () => {
    await Promise.all([here.stop(), other.stop()]);
    await redis.drop();
    await own.drop();
  });

  const bothUp = () => eventually('both are connected', async () => [here, other].every(({ app }) => app.get(RedisConnection).up));

  it('carry events at once', async () => {
    const orgId = await openLog(here);
    const client = await LiveClient.connect(newPerson(orgId).token, here);
    const took: number[] = [];
    for (let n = 1; n <= 9; n++) {
      const startedAt = performance.now();
      await other.append(orgId, told(n));
      await client.waitForEvent('documents.changed', (event) => event.data.n === n);
      took.push(performance.now() - startedAt);
    }

    expect(client.brokenLinks(0)).toEqual([]);
    expect(took.toSorted((a, b) => a - b)[4]).toBeLessThan(300);
    await client.close();
  });

  it('carry lossy frames and revocations, but to no other organization', async () => {
    const orgId = await openLog(here);
    const [reader, revoked, stranger] = [newPerson(orgId), newPerson(orgId), newPerson(await openLog(here))];
    const clients = await Promise.all([reader, revoked, stranger].map(({ token }) => LiveClient.connect(token, here)));
    const channelId = randomUUID();
    await here.append(orgId, channelEvent('chat.channel_created', channelId, { kind: 'public' }));
    await clients[0]?.waitForEvent('chat.channel_created');
    await clients[0]?.subscribe(channelId);
    const delta = { type: 'live', kind: 'delta', channelId: channelId as never, messageId: randomUUID(), offset: 0, text: 'Hel' } as const;
    other.bus.publish(orgId, delta, { channelId });
    other.app.get(Revocations).revoke({ orgId, sessionId: revoked.sessionId });

    await clients[0]?.waitFor('a delta', (frame) => frame.type === 'live' && frame.kind === 'delta');
    expect((await clients[1]?.waitForClose(2_000))?.code).toBe(4401);
    expect(clients[2]?.frames.map((frame) => frame.type)).toEqual(['ready']);
    await Promise.all([clients[0]?.close(), clients[2]?.close()]);
  });

  it('tell code that watches an organization of its events and frames, and of no other', async () => {
    const [orgId, foreign] = [await openLog(here), await openLog(here)];
    const heard: string[] = [];
    const stop = await here.bus.watch(orgId, {
      event: ({ data }) => void heard.push(`event ${String(data['n'])}`),
      frame: (frame) => void heard.push(frame.kind),
    });
    const frame = (runId: string) => ({ type: 'live', kind: 'run_delta', runId, step: 1, offset: 0, text: 'Hel' }) as const;
    const target = { userId: randomUUID() };
    await other.append(foreign, told(1));
    other.bus.publish(foreign, frame(randomUUID()), target);
    other.bus.publish(orgId, frame(randomUUID()), target);
    await other.append(orgId, told(2));
    await eventually('both are heard', async () => heard.length >= 2);
    stop();
    await here.append(orgId, told(3));

    expect(heard.toSorted()).toEqual(['event 2', 'run_delta']);
  });

  it('redeem a ticket once, in whichever process', async () => {
    const { token } = newPerson(await openLog(here));
    const made = await fetch(`${here.baseUrl}/v1/events/ticket`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    const { ticket } = (await made.json()) as { ticket: string };
    const statuses = await Promise.all(
      [here, other, other].map(async ({ baseUrl }) => (await fetch(`${baseUrl}/v1/events?ticket=${ticket}`)).status),
    );

    expect(statuses.toSorted()).toEqual([200, 401, 401]);
  });

  it('go on without it, lose nothing, and use it again', async () => {
    const orgId = await openLog(here);
    const client = await LiveClient.connect(newPerson(orgId).token, here);
    await redis.halt();
    await eventually('Redis is gone', async () => !here.app.get(RedisConnection).up);
    await other.append(orgId, told(1));
    await here.append(orgId, told(2));
    await client.waitForEvent('documents.changed', (event) => event.data.n === 2, 5_000);
    await redis.resume();
    await bothUp();
    await other.append(orgId, told(3));
    await client.waitForEvent('documents.changed', (event) => event.data.n === 3, 5_000);

    expect(client.brokenLinks(0)).toEqual([]);
    expect(client.events.map((event) => event.data.n)).toEqual([1, 2, 3]);
    await client.close();
  });

  it('leave no event there for long, however busy its shard', async () => {
    await redis.flush();
    const direct = new Client(redis.url);
    const shards = Array.from({ length: 16 }, (_, shard) => `atrium:events:${shard}`);
    const entries = async () => (await Promise.all(shards.map((shard) => direct.xrange(shard, '-', '+')))).flat();
    const [old, recent] = [Date.now() - 70_000, Date.now() - 50_000];
    for (const shard of shards) for (const at of [old, recent]) await direct.xadd(shard, `${at}-0`, 'event', 'null');
    await other.append(await openLog(here), told(1));
    await eventually('the event is there', async () => (await entries()).some(([, fields]) => fields.includes('org')));

    const count = async (at: number) => (await entries()).filter(([id]) => id === `${at}-0`).length;
    expect([await count(old), await count(recent)]).toEqual([15, 16]);
    direct.disconnect();
  });

  it('refuse a value that another organization put under a key', async () => {
    const [mine, foreign] = [await openLog(here), await openLog(here)];
    const values = here.app.get(Redis);
    const key = orgKey(mine, 'a:b', '../x');
    const direct = new Client(redis.url);
    await values.set(orgKey(foreign, 'k'), { secret: true }, 60);
    await direct.set(key.name, (await direct.get(orgKey(foreign, 'k').name)) ?? '');

    expect(await values.get(key)).toBeNull();
    expect(values.mismatches).toBe(1);
    expect(key.name).toBe(`atrium:{${mine}}:a%3Ab:..%2Fx`);
    direct.disconnect();
  });
});
