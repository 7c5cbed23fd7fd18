import { existsSync } from 'node:fs';
import type { Message, SearchResult, SearchStatus } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from '../lib/api.js';
import { type EmbedderBehaviour, type FakeEmbedder, startFakeEmbedder } from '../lib/fake-embedder.js';
import { dropClusters } from '../lib/postgres.js';
import { withClient } from '../lib/row-security.js';
import { sentenceModelFolder } from '../lib/sentence-model.js';
import { killServers, Server } from '../lib/server.js';
import { withDatabase } from './evidence.js';
import { type Ground, type Mode, MODES, newGround, pause, tell } from './ground.js';

/** Smaller while writing: FAULT_UNITS and FAULT_KILLS. */
const UNITS = Number(process.env['FAULT_UNITS'] ?? 4_000);
const KILLS = Math.min(Number(process.env['FAULT_KILLS'] ?? 6), 10);

jest.setTimeout(600_000);

afterAll(async () => {
  await killServers();
  await dropClusters();
});

const find = (person: Person, query: string) => person.api.post<SearchResult>('/v1/search', { query, limit: 5 });
const status = (person: Person) => person.api.get<SearchStatus>('/v1/search/status');
const filled = (person: Person, model: string) =>
  eventually('every unit has its vector', async () => {
    const { active } = await status(person);
    return active?.model.startsWith(model) && active.waiting === 0;
  });

describe('a server whose embedder is an endpoint', () => {
  let ground: Ground;
  let fake: FakeEmbedder;
  let server: Server;
  let owner: Person;

  beforeAll(async () => {
    fake = await startFakeEmbedder();
    ground = await newGround('embedded', {
      EMBEDDINGS_BASE_URL: fake.ollamaUrl,
      EMBEDDINGS_PROTOCOL: 'ollama',
      EMBEDDINGS_MODEL: 'letters',
    });
    server = await ground.serve();
    owner = await newOrganization('Acme', ground.baseUrl);
    await owner.api.post('/v1/memories', { content: 'The physician examined the sick child.' });
    await filled(owner, 'letters');
  });
  afterAll(async () => {
    await ground.remove();
    await fake.stop();
  });

  it.each<EmbedderBehaviour>([
    { kind: 'slow', ms: 60_000 },
    { kind: 'dimensions', dimensions: 31 },
    { kind: 'notNumbers' },
    { kind: 'noJson' },
    { kind: 'status', status: 503 },
  ])('answers by words, and says so, when it answers %j', async (behaviour) => {
    fake.script(behaviour);

    const { data, degraded } = await find(owner, `physician ${JSON.stringify(behaviour)}`);

    expect({ found: data.length, degraded }).toEqual({ found: 1, degraded: ['meaning'] });
  });

  it('answers by words while it is gone, ends in order, and gives every unit its vector when it is back', async () => {
    fake.script(...Array.from({ length: 30 }, () => ({ kind: 'cut' }) as const));
    const stranger = await newOrganization('Other', ground.baseUrl);
    const message = 'What was said meanwhile of physicians.';
    await owner.api.post('/v1/memories', { content: message });
    await stranger.api.post('/v1/memories', { content: message });

    for (const person of [owner, stranger]) expect((await find(person, 'said meanwhile')).data).toHaveLength(1);
    expect((await status(stranger)).active?.waiting).toBe(1);
    fake.script(...Array.from({ length: 30 }, () => ({ kind: 'slow', ms: 60_000 }) as const));
    await pause(6_000);
    expect(await server.stop()).toMatchObject({ code: 0 });

    await fake.stop();
    fake = await startFakeEmbedder();
    server = await Server.start({ ...ground, environment: { ...ground.environment, EMBEDDINGS_BASE_URL: fake.ollamaUrl } });
    const again = await newOrganization('Third', server.baseUrl);
    await again.api.post('/v1/memories', { content: message });
    await filled(again, 'letters');
    expect((await find(again, 'said meanwhile')).degraded).toEqual([]);
    expect(server.complaints).toEqual([]);
    await server.stop();
  });
});

describe('a folder with a sentence model', () => {
  /** They are not among the dependencies: only who uses a folder needs them. */
  const installed = ['onnxruntime-node', '@huggingface/tokenizers'].every((name) => existsSync(`node_modules/${name}`));
  const model = sentenceModelFolder();
  let ground: Ground;
  beforeAll(async () => {
    ground = await newGround('embedded', { EMBEDDINGS_FOLDER: model.folder });
  });
  afterAll(async () => {
    await ground.remove();
    model.remove();
  });

  (installed ? it : it.skip)('answers by its vectors', async () => {
    const server = await ground.serve();
    const owner = await newOrganization('Acme', ground.baseUrl);
    await owner.api.post('/v1/memories', { content: 'doctor' });
    await owner.api.post('/v1/memories', { content: 'rain invoice' });
    await filled(owner, 'atrium-model-');

    const { data, degraded } = await find(owner, 'a physician');

    expect({ found: data.map(({ snippet }) => snippet), degraded }).toEqual({ found: ['doctor'], degraded: [] });
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  it.each<[string, string, string]>([
    ['model.onnx', 'no model', 'its model does not run'],
    ['model.onnx', '', 'its model does not run'],
    ['tokenizer.json', '{', 'tokenizer.json is no JSON'],
  ])('refuses to start on a broken one, and says why: %s %j', async (name, content, why) => {
    model.write(name, content);

    const { code, stderr } = await Server.refused(ground);

    expect(code).toBe(1);
    expect(stderr).toContain('EMBEDDINGS_FOLDER');
    expect(stderr).toContain(installed ? why : 'npm install');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe.each<Mode>(MODES)('kill -9 while vectors are made (%s)', (mode) => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await newGround(mode);
  });
  afterAll(() => ground.remove());

  it(`gives each of ${UNITS} units exactly one vector, and finds them by words meanwhile`, async () => {
    let server = await ground.serve();
    const owner = await newOrganization('Acme', ground.baseUrl);
    const channel = await owner.api.post<{ id: string }>('/v1/channels', { name: 'plans' });
    const written = write(owner, channel.id);
    let unsearched = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      await eventually('half of them wait', async () => (await waiting(owner)) > 0, 60_000);
      await pause(Math.random() * 3_000);
      await server.kill();
      server = await ground.serve();
      if ((await find(owner, 'spoke of number 0 and of doctors')).data.length === 0) unsearched++;
    }
    await written;
    await eventually('nothing waits', async () => (await waiting(owner)) === 0, 300_000);
    await server.stop();

    expect(unsearched).toBe(0);
    const counts = await withDatabase(ground.dataDir, ground.environment, ({ ownerUrl }) =>
      withClient(ownerUrl, async (client) => {
        const { rows } = await client.query<Record<string, number>>(`
          SELECT (SELECT count(*)::int FROM search_units) AS units, (SELECT count(*)::int FROM search_vectors) AS vectors,
            (SELECT count(DISTINCT unit_id)::int FROM search_vectors) AS different, (SELECT count(*)::int FROM search_pending) AS waiting,
            (SELECT count(*)::int FROM search_units u WHERE NOT EXISTS (SELECT FROM search_vectors v WHERE v.org_id = u.org_id AND v.unit_id = u.id)) AS without`);
        return rows[0];
      }),
    );
    expect(counts).toEqual({ units: UNITS, vectors: UNITS, different: UNITS, waiting: 0, without: 0 });
    tell(`${mode}: ${KILLS} kills while ${UNITS} vectors were made`);
  });
});

/** Survives that the server is killed. */
const waiting = async (owner: Person) => (await status(owner).catch(() => null))?.active?.waiting ?? UNITS;

/** Messages until there are UNITS of them, each sent until it is acknowledged. */
async function write(owner: Person, channelId: string): Promise<void> {
  let next = 0;
  const send = async () => {
    while (next < UNITS) {
      const n = next++;
      const message = { body: `We spoke of number ${n} and of doctors.`, clientId: `c${n}` };
      await eventually(
        'it is acknowledged',
        () => owner.api.post<Message>(`/v1/channels/${channelId}/messages`, message).catch(() => null),
        120_000,
      );
    }
  };
  await Promise.all(Array.from({ length: 8 }, send));
}
