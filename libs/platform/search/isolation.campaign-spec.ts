import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId, UserId } from '@atrium/contracts';
import { Embeddings } from '@atrium/platform/ai';
import { Log, Metrics } from '@atrium/platform/observability';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { EmbeddingSpaces } from './embedding-spaces.js';
import { GrantSet } from './grants.js';
import { QueryVectors } from './query-vectors.js';
import { type Passage, Retrieval } from './retrieval.js';
import { SearchIndex } from './search-index.js';
import { randomOf } from '../../../bench/lib/vectors.mjs';
import { VectorFiller } from './vector-filler.js';

const SEED = Number(process.env['TN12_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const QUERIES = Number(process.env['TN12_QUERIES'] ?? 2_000);
const ORGANIZATIONS = 20;
const UNITS = 200;
const AT_ONCE = 4;

const random = randomOf(SEED);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
/** Whoever asks with words of the second column finds the first by meaning only. */
const ALIKE = [
  ['physician', 'doctor'],
  ['automobile', 'car'],
  ['invoice', 'payment'],
  ['holiday', 'vacation'],
  ['attorney', 'lawyer'],
  ['infant', 'baby'],
  ['ocean', 'sea'],
  ['salary', 'wages'],
] as const;
const WORDS = ['quarterly', 'northern', 'office', 'budget', 'review', 'contract', 'warehouse', 'training', 'harbour', 'winter'];

interface Owned {
  ctx: OrgContext;
  user: string;
  /** The ids of its units that its user may read now. */
  readable: Set<string>;
}

const log = new Log('fatal');
let own: OwnDatabase;
let hybrid: Retrieval;
let byWords: Retrieval;
/** Shows what is nearest, however far that is. */
let byMeaning: Retrieval;
const organizations: Owned[] = [];

beforeAll(async () => {
  own = await ownDatabase();
  const embeddings = new Embeddings();
  const spaces = new EmbeddingSpaces(own.db, embeddings);
  // The texts are the same in every organization; only the mark at their end differs.
  const bodies = Array.from(
    { length: UNITS },
    () => `The ${pick(ALIKE)[0]} of the ${pick(WORDS)} ${pick(WORDS)} and the ${pick(ALIKE)[0]}`,
  );
  for (let n = 0; n < ORGANIZATIONS; n++) {
    const orgId = randomUUID() as OrgId;
    const user = randomUUID() as UserId;
    const ctx: OrgContext = { ...systemContext(orgId, 'test'), principal: { kind: 'user', id: user, role: 'member', onBehalfOf: null } };
    const readable = new Set<string>();
    const units = bodies.map((body, at) => {
      const id = uuidv7();
      // Of every five: private of another, of a team, shared with the reader, of the organization, of everyone.
      const grants = [[`user:${randomUUID()}`], ['team:1'], [`user:${user}`], ['org'], ['everyone']][at % 5] ?? [];
      if (at % 5 >= 2) readable.add(id);
      const source = { documentId: id, version: 1, chunkId: id, start: 0, end: body.length };
      return { id, kind: 'document' as const, subjectId: id, ordinal: 0, title: '', body: `${body} canary${n}`, grants, source };
    });
    await own.db.inOrg(ctx, (tx) => new SearchIndex().put(tx, ctx, units), { timeoutSeconds: 60 });
    organizations.push({ ctx, user, readable });
  }
  await new VectorFiller(own.db, embeddings, spaces, log, new Metrics()).fillAll();
  hybrid = new Retrieval(own.db, new QueryVectors(spaces, log));
  const current = spaces.active();
  const lenient = { ...embeddings.chosen, nearEnough: -1, embed: (texts: readonly string[]) => embeddings.chosen.embed(texts, 'query') };
  byMeaning = new Retrieval(
    own.db,
    new QueryVectors({ active: () => current && { ...current, embedder: lenient } } as EmbeddingSpaces, log),
  );
  byWords = new Retrieval(own.db, new QueryVectors(new EmbeddingSpaces(own.db, embeddings), log));
}, 300_000);
afterAll(() => own.drop());

const grantsOf = ({ user }: Owned) => GrantSet.ofChannel(['org', 'everyone', `user:${user}`]);

interface Tally {
  asked: number;
  found: number;
  forbidden: string[];
}

/** Random questions of random organizations. */
async function ask(retrieval: Retrieval, question: () => string): Promise<Tally> {
  const tally: Tally = { asked: 0, found: 0, forbidden: [] };
  const one = async () => {
    while (tally.asked < QUERIES) {
      tally.asked++;
      const owned = pick(organizations);
      const query = question();
      const passages = await retrieval.search(owned.ctx, grantsOf(owned), { query, limit: 20 });
      tally.found += passages.length;
      for (const passage of passages) if (!owned.readable.has(passage.unitId)) tally.forbidden.push(`${query}: ${passage.body}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return tally;
}

describe(`TN12: ${QUERIES} queries a mode among ${ORGANIZATIONS} organizations of the same texts (seed ${SEED})`, () => {
  const words = () => `${pick(ALIKE)[0]} ${pick(WORDS)} canary${Math.floor(random() * ORGANIZATIONS)}`;
  const meanings = () => `${pick(ALIKE)[1]} ${pick(ALIKE)[1]} ${pick(ALIKE)[1]}`;

  it.each<[string, () => Retrieval, () => string]>([
    ['words', () => byWords, words],
    ['meaning', () => byMeaning, meanings],
    ['both', () => hybrid, () => `${words()} ${pick(ALIKE)[1]}`],
  ])(
    'finds nothing that another organization or another person holds, by %s',
    async (mode, retrieval, question) => {
      const { asked, found, forbidden } = await ask(retrieval(), question);

      process.stdout.write(
        `TN12 (${own.database.mode}, seed ${SEED}): ${asked} queries by ${mode}, ${found} passages, ${forbidden.length} forbidden\n`,
      );
      expect(forbidden).toEqual([]);
      expect(found).toBeGreaterThan(asked);
    },
    600_000,
  );

  it('finds as many as exist in the smallest organization, by meaning', async () => {
    const [owned] = organizations;
    if (!owned) throw new Error('there are organizations');
    let same = 0;
    let nearest = 0;
    for (const [, other] of ALIKE) {
      const found = await byMeaning.search(owned.ctx, grantsOf(owned), { query: other, limit: 200 });
      const exact = await exactNearest(owned, other);
      nearest += exact.length;
      same += exact.filter((id) => found.some((passage) => passage.unitId === id)).length;
    }
    expect(nearest).toBeGreaterThan(0);
    expect(same / nearest).toBeGreaterThanOrEqual(0.95);
  });

  it('follows rights that are taken away while it is asked', async () => {
    const revoked: Owned[] = [];
    const asking = Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (revoked.length < ORGANIZATIONS) await askOne(pick(organizations));
      }),
    );
    for (const owned of organizations) {
      const shared: Passage[] = (
        await hybrid.search(owned.ctx, GrantSet.ofChannel([`user:${owned.user}`]), { query: words(), limit: 500 })
      ).slice(0, 20);
      for (const { subjectId } of shared) {
        await own.db.inOrg(owned.ctx, (tx) => new SearchIndex().regrant(tx, owned.ctx, 'document', subjectId, ['team:2']));
        owned.readable.delete(subjectId);
      }
      revoked.push(owned);
      expect(await askOne(owned)).toEqual([]);
    }
    await asking;
  }, 300_000);

  const askOne = async (owned: Owned) => {
    const forbidden: string[] = [];
    for (const question of [words, meanings]) {
      const passages = await byMeaning.search(owned.ctx, grantsOf(owned), { query: question(), limit: 200 });
      for (const { unitId } of passages) if (!owned.readable.has(unitId)) forbidden.push(unitId);
    }
    return forbidden;
  };

  /** The ids that the reader may read among the ten nearest units, by a scan of them all. */
  async function exactNearest({ ctx, readable }: Owned, query: string): Promise<string[]> {
    const vector = await new Embeddings().chosen.embed([query], 'query');
    return withClient(own.database.ownerUrl, async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `SELECT unit_id AS id FROM search_vectors WHERE org_id = $1 AND unit_id = ANY ($3::uuid[])
         ORDER BY embedding <=> $2::halfvec LIMIT 10`,
        [ctx.orgId, `[${Array.from(vector[0] ?? []).join(',')}]`, [...readable]],
      );
      return rows.map(({ id }) => id);
    });
  }
});
