import type { Channel, Problem } from '@atrium/contracts';
import { anonymous, eventually } from '../lib/api.js';
import { Burst, newCrowd } from '../lib/burst.js';
import { Follower } from '../lib/follower.js';
import { dropClusters } from '../lib/postgres.js';
import { acrossOrganizations, withoutOrganization } from '../lib/row-security.js';
import { killServers, type Server } from '../lib/server.js';
import { invalidLogs, lossesIn, withDatabase } from './evidence.js';
import { type Ground, newGround, pause, READY_MS, spread, tell } from './ground.js';

const CRASHES = Number(process.env['FAULT_CRASHES'] ?? 20);
const OUTAGE_MS = 10_000;

let ground: Ground;
let server: Server;
const statusOf = async (path: string) => (await anonymous(ground.baseUrl).call('GET', path)).status;

beforeAll(async () => {
  ground = await newGround('servers');
  server = await ground.serve();
});
afterAll(async () => {
  await killServers();
  await ground.remove();
  await dropClusters();
});

/** How long after the database is back the server is ready. Milliseconds. */
async function recovery(): Promise<number> {
  const startedAt = performance.now();
  await eventually('ready again', async () => (await statusOf('/readyz')) === 200, READY_MS);
  return performance.now() - startedAt;
}

it(`FT4: ${CRASHES} crashes of the database under load lose nothing, and Atrium goes on without a restart`, async () => {
  const crowds = await Promise.all([1, 2].map(() => newCrowd(ground.baseUrl, 6)));
  const [one, two] = crowds;
  const follower = await Follower.start(one?.owner.accessToken ?? '', ground.baseUrl);
  const burst = new Burst(crowds, 1_000_000, { brokenIsSurprise: true });
  const recoveries: number[] = [];

  for (let crash = 0; crash < CRASHES && !burst.isOver; crash++) {
    await pause(300 + Math.random() * 700);
    await ground.postgres?.crash();
    recoveries.push(await recovery());
  }
  await burst.stop();

  expect(burst.surprises).toEqual([]);
  expect(burst.refusedTries).toBeGreaterThan(0);
  const newest = Math.max(...[...burst.acknowledged.values()].filter((each) => each.channelId === one?.channel.id).map((each) => each.seq));
  await eventually('the socket has caught up', async () => follower.position >= newest);
  await follower.stop();
  expect(follower.faults).toEqual([]);
  await eventually('every log is sealed and whole', async () => (await invalidLogs(crowds)).length === 0);
  await withDatabase(ground.dataDir, ground.environment, async ({ ownerUrl, appUrl }) => {
    expect(await lossesIn(ownerUrl, burst)).toEqual([]);
    const [own = '', other = ''] = [one?.owner.organization.id, two?.owner.organization.id];
    expect(await withoutOrganization(appUrl, own)).toEqual([]);
    expect(await acrossOrganizations(appUrl, own, other)).toEqual([]);
  });
  for (const crowd of crowds) {
    const { data } = await crowd.owner.api.get<{ data: Channel[] }>('/v1/channels');
    expect(data.some(({ id }) => id === crowd.channel.id)).toBe(true);
    const others = crowds.filter((each) => each !== crowd).map((each) => each.channel.id);
    expect(data.filter(({ id }) => others.includes(id))).toEqual([]);
  }
  tell(
    `FT4: ${CRASHES} crashes, ${burst.acknowledged.size} messages, ${burst.refusedTries} answers of 503, ready again ${spread(recoveries)}`,
  );
}, 300_000);

it('says clearly that the database is away, and comes back by itself', async () => {
  const crowd = await newCrowd(ground.baseUrl, 2);
  const { owner, channel } = crowd;
  const follower = await Follower.start(owner.accessToken, ground.baseUrl);
  const before = follower.position;

  await ground.postgres?.halt('immediate');
  const goneAt = performance.now();
  const slowest: number[] = [];
  while (performance.now() - goneAt < OUTAGE_MS) {
    const startedAt = performance.now();
    const tries: [string, string, unknown][] = [
      ['GET', '/v1/channels', undefined],
      ['POST', `/v1/channels/${channel.id}/messages`, { body: 'into the void' }],
      // As often as one likes: an outage does not count as a failed sign-in.
      ['POST', '/v1/auth/login', { email: owner.email, password: owner.password }],
    ];
    for (const [method, path, body] of tries) {
      const { status, headers, body: problem } = await owner.api.call<Problem>(method, path, body === undefined ? {} : { body });
      expect({ path, status, code: problem.code }).toEqual({ path, status: 503, code: 'request.database_unavailable' });
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect(await statusOf('/readyz')).toBe(503);
    expect(await statusOf('/healthz')).toBe(200);
    slowest.push(performance.now() - startedAt);
    await pause(200);
  }
  await ground.postgres?.resume();
  const back = await recovery();

  const message = await eventually('a message is taken', async () => {
    const answer = await owner.api.call<{ seq: number }>('POST', `/v1/channels/${channel.id}/messages`, { body: { body: 'back' } });
    return answer.status === 201 && answer.body;
  });
  await eventually('the socket has it', async () => follower.position >= message.seq);
  await follower.stop();
  expect(follower.faults).toEqual([]);
  expect(follower.seqs[0]).toBeGreaterThan(before);
  expect(server.complaints.filter((line) => !line.startsWith('{'))).toEqual([]);
  tell(`FT4: away for ${OUTAGE_MS / 1_000} s; five answers took ${spread(slowest)}; ready again after ${Math.round(back)} ms`);
}, 120_000);
