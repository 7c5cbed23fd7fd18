import { Burst, type Crowd, newCrowd } from '../lib/burst.js';
import { eventually } from '../lib/api.js';
import { Follower } from '../lib/follower.js';
import { dropClusters } from '../lib/postgres.js';
import { killServers, Server } from '../lib/server.js';
import { invalidLogs, lossesIn, withDatabase } from './evidence.js';
import { type Ground, type Mode, MODES, newGround, pause, READY_MS, spread, tell } from './ground.js';

/** Smaller while writing: FAULT_KILLS and FAULT_MESSAGES. */
const KILLS = Number(process.env['FAULT_KILLS'] ?? 20);
/** Every so many kills comes while the server is still starting. */
const KILL_WHILE_STARTING = 5;
const MESSAGES = Number(process.env['FAULT_MESSAGES'] ?? 5_000);
const ORGANIZATIONS = 3;
const SENDERS = 7;

afterAll(async () => {
  await killServers();
  await dropClusters();
});

/** At random while the burst runs, spread over the whole of it; never after its end. */
async function killAtRandom(ground: Ground, first: Server, burst: Burst): Promise<{ server: Server; starts: number[] }> {
  let server = first;
  const starts: number[] = [];
  for (let kill = 1; kill <= KILLS; kill++) {
    const share = (MESSAGES / (KILLS + 1)) * (kill - 1 + Math.random());
    await eventually('the burst goes on', async () => burst.acknowledged.size >= share || burst.isOver, 120_000);
    if (burst.isOver) throw new Error(`the burst was over before kill ${kill}: ${burst.surprises.join('; ')}`);
    await pause(Math.random() * 50);
    await server.kill();
    server = ground.begin();
    if (kill % KILL_WHILE_STARTING === 0) {
      await pause(Math.random() * 2_500);
      await server.kill();
      server = ground.begin();
    }
    starts.push(await server.ready);
    if (kill === 3) await refuseSecond(ground, server);
  }
  return { server, starts };
}

/** On embedded data a second server ends at once, and says who is there. */
async function refuseSecond(ground: Ground, living: Server): Promise<void> {
  if (ground.postgres) return;
  const { code, stderr } = await Server.refused({ dataDir: ground.dataDir, environment: ground.environment });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`is in use by process ${living.pid}`) });
}

describe.each<Mode>(MODES)('kill -9 in a burst of messages (%s)', (mode) => {
  let ground: Ground;

  beforeAll(async () => {
    ground = await newGround(mode);
  });
  afterAll(() => ground.remove());

  it(`FT1, FT13: loses nothing acknowledged, doubles nothing, and opens each of ${KILLS} times`, async () => {
    let server = await ground.serve();
    const crowds: Crowd[] = await Promise.all(Array.from({ length: ORGANIZATIONS }, () => newCrowd(ground.baseUrl, SENDERS)));
    const owner = crowds[0]?.owner;
    const follower = await Follower.start(owner?.accessToken ?? '', ground.baseUrl);
    const burst = new Burst(crowds, MESSAGES);

    const killed = await killAtRandom(ground, server, burst);
    server = killed.server;
    await burst.done();

    expect(burst.surprises).toEqual([]);
    expect(burst.acknowledged.size).toBe(MESSAGES);
    await eventually('every log is sealed', async () => (await invalidLogs(crowds)).length === 0, 15_000);
    const newest = Math.max(
      ...[...burst.acknowledged.values()].filter((each) => each.channelId === crowds[0]?.channel.id).map((each) => each.seq),
    );
    await eventually('the socket has caught up', async () => follower.position >= newest, 15_000);
    await follower.stop();
    expect(follower.faults).toEqual([]);
    await server.stop();
    expect(await withDatabase(ground.dataDir, ground.environment, ({ ownerUrl }) => lossesIn(ownerUrl, burst))).toEqual([]);
    tell(
      `FT1 ${mode}: ${KILLS + Math.floor(KILLS / KILL_WHILE_STARTING)} kills, ${burst.acknowledged.size} messages, ` +
        `${burst.brokenTries} broken tries, ${follower.connections} socket connections; restart to ready ${spread(killed.starts)}`,
    );
    expect(killed.starts.toSorted((a, b) => a - b)[killed.starts.length >> 1]).toBeLessThan(READY_MS);
  }, 600_000);
});
