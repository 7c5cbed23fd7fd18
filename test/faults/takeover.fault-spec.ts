import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { newOrganization, type Person } from '../lib/api.js';
import { type FakeModel, startFakeModel } from '../lib/fake-model.js';
import { dropClusters } from '../lib/postgres.js';
import { answered, answersTo, ask, channelWithAssistant, chunkCount, finished, longText, TAKEOVER_MS, upload } from '../lib/recovery.js';
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
