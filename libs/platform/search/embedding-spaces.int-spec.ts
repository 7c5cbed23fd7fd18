import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Embeddings, EndpointEmbedder } from '@atrium/platform/ai';
import { Log, Metrics } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { type FakeEmbedder, startFakeEmbedder } from '../../../test/lib/fake-embedder.js';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { EmbeddingSpaces } from './embedding-spaces.js';
import { GrantSet } from './grants.js';
import { QueryVectors } from './query-vectors.js';
import { Retrieval } from './retrieval.js';
import { SearchIndex } from './search-index.js';
import { VectorFiller } from './vector-filler.js';

const log = new Log('silent');
let own: OwnDatabase;
beforeAll(async () => {
  own = await ownDatabase();
}, 120_000);
afterEach(() => Promise.all(fakes.splice(0).map((fake) => fake.stop())));
afterAll(() => own.drop());

const fakes: FakeEmbedder[] = [];
async function newFake(dimensions?: number): Promise<FakeEmbedder> {
  const fake = await startFakeEmbedder(dimensions);
  fakes.push(fake);
  return fake;
}

const endpoint = (fake: FakeEmbedder) =>
  new Embeddings(new EndpointEmbedder({ baseUrl: fake.baseUrl, apiKey: null, model: 'letters', attempts: 1 }));

const unit = (body: string) => {
  const id = uuidv7();
  const source = { documentId: id, version: 1, chunkId: id, start: 0, end: body.length };
  return { id, kind: 'document' as const, subjectId: id, ordinal: 0, title: '', body, grants: ['org'], source };
};

/** One process with its settings. */
function processWith(embeddings: Embeddings) {
  const spaces = new EmbeddingSpaces(own.db, embeddings);
  const filler = new VectorFiller(own.db, embeddings, spaces, log, new Metrics());
  return { spaces, filler, retrieval: new Retrieval(own.db, new QueryVectors(spaces, log)) };
}

it('fills the space of another embedder while the former answers, takes it over when full, and goes back', async () => {
  const ctx = systemContext(randomUUID() as OrgId, 'test');
  const everyone = GrantSet.ofChannel(['org']);
  const bodies = ['The physician examined the sick child.', 'Rain is likely.'];
  await own.db.inOrg(ctx, (tx) => new SearchIndex().put(tx, ctx, bodies.map(unit)));
  const builtIn = processWith(new Embeddings());
  await builtIn.filler.fillAll();
  const fake = await newFake();
  const other = processWith(endpoint(fake));
  const find = (query: string) => other.retrieval.find(ctx, everyone, { query, limit: 5 });

  await other.spaces.refresh();
  expect(other.spaces.active()?.active.model).toBe('glove-100d');
  expect(await find('doctor hospital patient')).toMatchObject({ passages: [{ body: bodies[0] }], degraded: [] });

  fake.script({ kind: 'status', status: 400 });
  await other.filler.fillAll();
  expect(other.spaces.active()?.active.model).toBe('letters');
  expect((await find('physician')).degraded).toEqual([]);
  fake.script({ kind: 'status', status: 500 });
  expect(await find('sick physician')).toMatchObject({ passages: [{ body: bodies[0] }], degraded: ['meaning'] });

  await builtIn.filler.fillAll();
  expect(builtIn.spaces.active()?.active.model).toBe('glove-100d');
  const back = await builtIn.retrieval.find(ctx, everyone, { query: 'doctor hospital patient', limit: 5 });
  expect(back).toMatchObject({ passages: [{ body: bodies[0] }], degraded: [] });
}, 60_000);

it('goes on in the former space while a new embedder is gone, and gives it everything when it is back', async () => {
  const ctx = systemContext(randomUUID() as OrgId, 'test');
  const everyone = GrantSet.ofChannel(['org']);
  const put = (body: string) => own.db.inOrg(ctx, (tx) => new SearchIndex().put(tx, ctx, [unit(body)]));
  await processWith(new Embeddings()).filler.fillAll();
  const fake = await newFake(48);
  const other = processWith(endpoint(fake));
  await other.spaces.refresh();
  const gone = { kind: 'status', status: 503 } as const;

  await put('The physician examined the sick child.');
  fake.script(gone);
  await expect(other.filler.fillAll()).rejects.toMatchObject({ reason: 'status_503' });
  expect(other.spaces.active()?.active.model).toBe('glove-100d');
  const found = await other.retrieval.find(ctx, everyone, { query: 'doctor hospital patient', limit: 5 });
  expect(found).toMatchObject({ passages: [{ body: 'The physician examined the sick child.' }], degraded: [] });

  await other.filler.fillAll();
  expect(other.spaces.active()?.active).toMatchObject({ model: 'letters', dimensions: 48 });
  expect(await vectorsIn(ctx.orgId)).toEqual({ 'glove-100d': 1, letters: 1 });
}, 60_000);

it('gives no vector to a text at which the embedder fails, and one to all others', async () => {
  const orgs = [randomUUID(), randomUUID()].map((id) => systemContext(id as OrgId, 'test'));
  const fake = await newFake(40);
  const { filler } = processWith(endpoint(fake));
  await filler.fillAll();
  fake.poison('an answer of 500', 500);
  fake.poison('an answer of 400', 400);
  const bodies = ['an answer of 500', 'an answer of 400', 'one', 'two', 'three', 'four'];
  for (const ctx of orgs) await own.db.inOrg(ctx, (tx) => new SearchIndex().put(tx, ctx, bodies.map(unit)));

  await filler.fillAll();

  for (const { orgId } of orgs) expect(await vectorsIn(orgId)).toMatchObject({ letters: 4 });
}, 60_000);

/** How many vectors an organization has, by model. */
async function vectorsIn(orgId: string): Promise<Record<string, number>> {
  return withClient(own.database.ownerUrl, async (client) => {
    const { rows } = await client.query<{ model: string; vectors: number }>(
      `SELECT s.model, count(*)::int AS vectors FROM search_vectors v JOIN embedding_spaces s ON s.id = v.space WHERE v.org_id = $1 GROUP BY 1`,
      [orgId],
    );
    return Object.fromEntries(rows.map(({ model, vectors }) => [model, vectors]));
  });
}
