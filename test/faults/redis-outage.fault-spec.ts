import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { Message, MessagePage, SignedIn } from '@atrium/contracts';
import type { z } from 'zod';
import { anonymous, Api, eventually } from '../lib/api.js';
import { type Crowd, newCrowd } from '../lib/burst.js';
import { Follower } from '../lib/follower.js';
import { LiveClient } from '../lib/live-client.js';
import { dropClusters, OwnPostgres } from '../lib/postgres.js';
import { dropRedises, OwnRedis } from '../lib/redis.js';
import { killServers, Server } from '../lib/server.js';
import { pause, spread, tell } from './ground.js';

const AWAY_MS = 20_000;
/** A revoked session's sockets are cut within 2 s; three times that is demanded. Milliseconds. */
const CUT_MS = 6_000;
const LIMIT = 120;

let redis: OwnRedis;
let one: Server;
let two: Server;
let crowd: Crowd;
/** The owner's api at the one and at the other process. */
let here: Api;
let there: Api;
let follower: Follower;
const posted: string[] = [];
const dataDir = mkdtempSync(join(tmpdir(), 'atrium-redis-outage-'));

beforeAll(async () => {
  redis = await OwnRedis.start();
  const postgres = await OwnPostgres.start();
  const environment = { DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
  one = await Server.start({ dataDir, environment });
  [two] = await Promise.all([Server.start({ dataDir, environment }), Server.start({ dataDir, environment, kind: 'worker' })]);
  crowd = await newCrowd(one.baseUrl, 3);
  here = crowd.owner.api;
  there = new Api(here.token, two.baseUrl);
  follower = await Follower.start(here.token ?? '', two.baseUrl);
}, 180_000);

afterAll(async () => {
  await killServers();
  await dropRedises();
  await dropClusters();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Posted at the one process; when it was there, how long until the other's socket had it. */
async function postHere(): Promise<number> {
  const clientId = randomUUID();
  const message = await here.post<Message>(`/v1/channels/${crowd.channel.id}/messages`, { body: 'hello', clientId });
  posted.push(message.id);
  const startedAt = performance.now();
  await eventually('the other process heard of it', async () => follower.position >= message.seq);
  return performance.now() - startedAt;
}

const login = (person: { email: string; password: string }, baseUrl = one.baseUrl) =>
  anonymous(baseUrl).post<SignedIn>('/v1/auth/login', { email: person.email, password: person.password });

/** Signs out at one process; how long the socket at the other stays. Milliseconds. */
async function cutAfterLogout(): Promise<number> {
  const [, person] = crowd.senders;
  const session = await login(person ?? crowd.owner);
  const socket = await LiveClient.connect(session.accessToken, { baseUrl: two.baseUrl });
  const startedAt = performance.now();
  await new Api(session.accessToken, one.baseUrl).post('/v1/auth/logout');
  const { code } = await socket.waitForClose(65_000);
  expect(code).toBe(4401);
  return performance.now() - startedAt;
}

it('brings a message posted at one process to the sockets of the other', async () => {
  const times: number[] = [];
  for (let message = 0; message < 20; message++) times.push(await postHere());

  tell(`FT6: with Redis, the other process' socket has a message after ${spread(times)}`);
});

it('cuts the socket at one process when its session ends at the other', async () => {
  const ms = await cutAfterLogout();

  tell(`FT6: signed out at one process, cut at the other after ${Math.round(ms)} ms`);
  expect(ms).toBeLessThan(CUT_MS);
});

it('FT6: serves everything while Redis is away, and loses and doubles nothing when it is back empty', async () => {
  const [, person = crowd.owner] = crowd.senders;
  const revoked = await login(person);
  await new Api(revoked.accessToken, one.baseUrl).post('/v1/auth/logout');
  await redis.halt();
  const awayAt = performance.now();
  const times: number[] = [];
  let served = 0;

  while (performance.now() - awayAt < AWAY_MS) {
    times.push(await postHere());
    await there.get('/v1/channels');
    await login(person, two.baseUrl);
    served += 3;
    await pause(200);
  }
  const cut = await cutAfterLogout();

  await redis.resume();
  for (let message = 0; message < 5; message++) times.push(await postHere());
  await redis.flush();
  await eventually('a message travels fast again', async () => (await postHere()) < 500, 15_000);
  for (const server of [one, two]) {
    const { status } = await new Api(revoked.accessToken, server.baseUrl).call('GET', '/v1/me');
    expect(status).toBe(401);
    expect(
      (await anonymous(server.baseUrl).call('POST', '/v1/auth/refresh', { body: { refreshToken: revoked.refreshToken } })).status,
    ).toBe(401);
  }
  expect(await allMessages()).toEqual(posted);
  await follower.stop();
  expect(follower.faults).toEqual([]);
  expect(follower.connections).toBe(1);
  tell(
    `FT6: Redis away for ${AWAY_MS / 1_000} s: ${served} of ${served} served, the other process' socket has a message after ${spread(times)}, ` +
      `a signed out socket is cut there after ${Math.round(cut)} ms`,
  );
  expect(cut).toBeLessThan(CUT_MS);
}, 240_000);

it('lets no more requests through without Redis than with it', async () => {
  const environment = { DATABASE_URL: one.environment['DATABASE_URL'] ?? '', REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: String(LIMIT) };
  const limited = await Promise.all([1, 2].map(() => Server.start({ dataDir, environment })));
  const letThrough = async () => {
    const { accessToken } = await login(crowd.senders[2] ?? crowd.owner);
    let passed = 0;
    for (let request = 0; request < LIMIT + 20; request++) {
      const server = limited[request % 2];
      const { status } = await new Api(accessToken, server?.baseUrl).call('GET', '/v1/me');
      if (status === 200) passed += 1;
      else expect(status).toBe(429);
    }
    return passed;
  };

  const withRedis = await letThrough();
  await redis.halt();
  const without = await letThrough();

  tell(`FT6: of ${LIMIT} a minute over two processes, ${withRedis} passed with Redis and ${without} without`);
  expect(withRedis).toBeLessThanOrEqual(LIMIT);
  expect(without).toBeLessThanOrEqual(withRedis);
  await redis.resume();
}, 120_000);

/** The ids of every message of the channel, oldest first. */
async function allMessages(): Promise<string[]> {
  const ids: string[] = [];
  for (let after = 0; ;) {
    const { data } = await there.get<z.infer<typeof MessagePage>>(`/v1/channels/${crowd.channel.id}/messages`, { after, limit: 100 });
    if (data.length === 0) return ids;
    ids.push(...data.map((message) => message.id));
    after = data.at(-1)?.seq ?? after;
  }
}
