import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Channel, Message, Page } from '@atrium/contracts';
import { type AgentGround, newAgent, newAgentGround } from '../lib/agents.js';
import { Api, eventually, newOrganization, type Person } from '../lib/api.js';
import { type FakeModel, startFakeModel } from '../lib/fake-model.js';
import { deltasOf, isDelta, LiveClient, shownBy } from '../lib/live-client.js';
import { dropClusters } from '../lib/postgres.js';
import { answered, answersTo, ask, channelWithAssistant, chunkCount, finished, longText, TAKEOVER_MS, upload } from '../lib/recovery.js';
import { OwnRedis } from '../lib/redis.js';
import { withClient } from '../lib/row-security.js';
import { killServers, Server } from '../lib/server.js';
import { withDatabase } from './evidence.js';
import { type Ground, type Mode, MODES, newGround, pause, spread, tell } from './ground.js';

const KILLS = Number(process.env['FAULT_KILLS'] ?? 8);
const TEXT = longText(150);

afterAll(async () => {
  await killServers();
  await dropClusters();
});

describe.each<Mode>(MODES)('work of a process that was killed (%s)', (mode) => {
  let ground: Ground;
  let model: FakeModel;
  let doomed: Server;
  let heir: Server;
  let owner: Person;

  beforeAll(async () => {
    model = await startFakeModel();
    ground = await newGround(mode, { LLM_BASE_URL: model.baseUrl, LLM_MODEL: 'fake' });
    doomed = await ground.serve();
    heir = mode === 'servers' ? await Server.start({ ...ground, kind: 'worker' }) : doomed;
    owner = await newOrganization('Takeover', ground.baseUrl);
  }, 180_000);
  afterAll(async () => {
    await killServers();
    await model.stop();
    await ground.remove();
  });

  /** Kills the process; answers when the work could go on: at once in another one, after the restart on embedded data. */
  async function kill(): Promise<number> {
    await doomed.kill();
    const killedAt = performance.now();
    doomed = await ground.serve();
    return mode === 'servers' ? killedAt : performance.now();
  }

  it(`FT3: every document is ready in the end, never by half, after ${KILLS} kills at random points`, async () => {
    const startedAt = performance.now();
    const reference = await upload(owner.api, TEXT);
    expect((await finished(owner.api, reference.id, 120_000)).status).toBe('ready');
    const usualMs = performance.now() - startedAt;
    const chunks = await chunkCount(owner.api, reference.id);
    const ids = [reference.id as string];
    const times: number[] = [];

    for (let round = 0; round < KILLS; round++) {
      const { id } = await upload(owner.api, TEXT);
      ids.push(id);
      await pause(Math.random() * usualMs);
      const free = await kill();
      expect((await finished(owner.api, id, TAKEOVER_MS + usualMs)).status).toBe('ready');
      times.push(performance.now() - free);
      expect(await chunkCount(owner.api, id)).toBe(chunks);
    }

    tell(
      `FT3 ${mode}: ${KILLS} kills, all ready with ${chunks} passages; done ${spread(times)} after; undisturbed ${Math.round(usualMs)} ms`,
    );
    await Promise.all([doomed, heir].map((server) => server.kill()));
    await withDatabase(ground.dataDir, ground.environment, ({ ownerUrl }) => assertNoOrphans(ownerUrl, ids, chunks));
    const files = readdirSync(join(ground.dataDir, 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files).toHaveLength(ids.length);
    doomed = await ground.serve();
    heir = mode === 'servers' ? await Server.start({ ...ground, kind: 'worker' }) : doomed;
  }, 600_000);

  it('an answer that was being written is completed, once', async () => {
    const channel = await channelWithAssistant(owner);
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      model.reset();
      model.script({ kind: 'text', text: 'Tomatoes are grown slowly. '.repeat(100), delayMs: 50 });
      const question = await ask(owner.api, channel, `How are tomatoes grown, ${round}?`);
      await pause(500 + Math.random() * 2_000);
      const free = await kill();

      const answer = await answered(owner.api, question, TAKEOVER_MS + 20_000);
      times.push(performance.now() - free);

      expect(answer.status).toBe('complete');
      await pause(1_000);
      expect(await answersTo(owner.api, question)).toHaveLength(1);
    }
    tell(`takeover ${mode}: three answers, complete ${spread(times)} after`);
  }, 300_000);
});

describe('an answer whose process is stopped past its lease, and comes back', () => {
  let redis: OwnRedis;
  let ground: Ground;
  let company: AgentGround;
  let stopped: Server;
  let heir: Server;
  let owner: Person;

  beforeAll(async () => {
    redis = await OwnRedis.start();
    ground = await newGround('servers', { OUTBOUND_ALLOW: '127.0.0.1', REDIS_URL: redis.url });
    stopped = await ground.serve();
    company = await newAgentGround(ground.baseUrl);
    owner = await company.newOrganization('Lost');
  }, 180_000);
  afterAll(async () => {
    await killServers();
    await company.stop();
    await ground.remove();
    await redis.drop();
  });

  it.each([
    ['while the other process writes', 'before'],
    ['after the other process has ended it', 'after'],
  ])(
    'is one message without a word of the first process, which comes back %s',
    async (_when, comesBack) => {
      const agent = await newAgent(owner, { displayName: `Speaker${comesBack}` });
      const channel = await owner.api.post<Channel>('/v1/channels', { name: `lost ${comesBack}` });
      await owner.api.post(`/v1/channels/${channel.id}/members`, { kind: 'agent', id: agent.id });
      company.model.reset();
      company.model.script(
        { kind: 'text', text: 'Words of the first process. '.repeat(300), delayMs: 60 },
        { kind: 'text', text: 'Words of the second. '.repeat(40).trim(), delayMs: comesBack === 'before' ? 120 : 5 },
      );
      const { id } = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `@${agent.displayName} speak` });
      await eventually('it begins', async () => company.model.requests.length === 1, 20_000);
      // Only now, so that it is known which process has the run.
      heir = await Server.start(ground);
      const byHeir = new Api(owner.accessToken, heir.baseUrl);
      const live = await LiveClient.connect(owner.accessToken, { baseUrl: heir.baseUrl });
      await live.subscribe(channel.id);
      await live.waitFor('words of the first', (frame) => isDelta(frame) && frame.offset > 0);
      stopped.signal('SIGSTOP');
      await live.waitFor('words of the second', (frame) => isDelta(frame) && frame.offset === 0, TAKEOVER_MS);
      if (comesBack === 'after') await live.waitForEvent('chat.message_completed', () => true, TAKEOVER_MS);
      const framesBefore = live.frames.length;
      stopped.signal('SIGCONT');
      const { subject } = await live.waitForEvent('chat.message_completed', () => true, TAKEOVER_MS);
      await pause(5_000);

      const { data } = await byHeir.get<Page<Message>>(`/v1/messages/${id}/thread`);
      expect(data).toMatchObject([{ id: subject.id, status: 'complete', body: 'Words of the second. '.repeat(40).trim() }]);
      expect(live.frames.slice(framesBefore).filter((frame) => isDelta(frame) && /first|process/.test(frame.text))).toEqual([]);
      expect(shownBy(deltasOf(live))).toBe(data[0]?.body);
      await live.close();
      await Promise.all([stopped.kill(), heir.kill()]);
      stopped = await ground.serve();
    },
    180_000,
  );
});

/** Every version has its passages and units, and nothing else has any. */
function assertNoOrphans(ownerUrl: string, ids: string[], chunks: number): Promise<void> {
  return withClient(ownerUrl, async (client) => {
    const count = async (sql: string) => Number((await client.query<{ n: string }>(sql)).rows[0]?.n);
    expect(await count('SELECT count(*) AS n FROM document_versions')).toBe(ids.length);
    expect(await count('SELECT count(*) AS n FROM document_chunks')).toBe(ids.length * chunks);
    expect(await count(`SELECT count(*) AS n FROM search_units WHERE kind = 'document'`)).toBe(ids.length * chunks);
    const perDocument = `SELECT count(*) AS n FROM (SELECT subject_id FROM search_units WHERE kind = 'document' GROUP BY 1 HAVING count(*) <> ${chunks}) u`;
    expect(await count(perDocument)).toBe(0);
  });
}
