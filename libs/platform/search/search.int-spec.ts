import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId, Role, UserId } from '@atrium/contracts';
import { Embeddings } from '@atrium/platform/ai';
import { Cipher } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Log, Metrics } from '@atrium/platform/observability';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { testRun } from '../../../test/lib/run.js';
import { EmbeddingSpaces } from './embedding-spaces.js';
import { foldQuery, foldText } from './folded-text.js';
import { GrantSet, ReaderGrants } from './grants.js';
import { QueryVectors } from './query-vectors.js';
import { type Passage, Retrieval, type RetrievalRequest } from './retrieval.js';
import { SearchCounter } from './search-counter.js';
import { SearchIndex } from './search-index.js';
import { SearchQueries } from './search.queries.js';
import type { SearchUnit } from './search-unit.js';
import { VectorFiller } from './vector-filler.js';

const log = new Log('fatal');
let db: Db;
let owner: pg.Client;
const index = new SearchIndex();
let retrieval: Retrieval;
/** Whose embedder is never there. */
let byWords: Retrieval;
let counter: SearchCounter;
let embeddings: Embeddings;
let spaces: EmbeddingSpaces;
let filler: VectorFiller;
let grants: ReaderGrants;

beforeAll(async () => {
  const { appUrl, systemUrl, ownerUrl } = testRun().database;
  db = new Db({ appUrl, systemUrl, poolSize: 6, cipher: new Cipher(randomBytes(32)), log, metrics: new Metrics() });
  owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  embeddings = new Embeddings();
  spaces = new EmbeddingSpaces(db, embeddings);
  filler = new VectorFiller(db, embeddings, spaces, log, new Metrics());
  retrieval = new Retrieval(db, new QueryVectors(spaces, log));
  byWords = new Retrieval(db, new QueryVectors(new EmbeddingSpaces(db, embeddings), log));
  counter = new SearchCounter(db, log);
  grants = new ReaderGrants();
});
afterAll(async () => {
  await owner.end();
  await db.close();
});

function newReader(role: Role = 'member', orgId = randomUUID() as OrgId): OrgContext {
  return { ...systemContext(orgId, 'test'), principal: { kind: 'user', id: randomUUID() as UserId, role, onBehalfOf: null } };
}

function unit(body: string, more: Partial<SearchUnit> = {}): SearchUnit {
  const subjectId = uuidv7();
  const source = { documentId: subjectId, version: 1, chunkId: uuidv7(), start: 0, end: body.length };
  return { id: uuidv7(), kind: 'document', subjectId, ordinal: 0, title: '', body, grants: ['org'], source, ...more };
}

const put = (ctx: OrgContext, ...units: SearchUnit[]) => db.inOrg(ctx, (tx) => index.put(tx, ctx, units), { timeoutSeconds: 60 });
async function find(ctx: OrgContext, query: string, more: Omit<Partial<RetrievalRequest>, 'query'> = {}) {
  return retrieval.search(ctx, await grants.of(ctx), { query, limit: 20, ...more });
}
const bodies = (passages: Passage[]) => passages.map((passage) => passage.body);

const CORPUS = [
  unit('The service credit for a missed response time is five percent of the monthly fee.', { title: 'Service level agreement' }),
  unit('Response times are measured from the first reply of a person, not of a machine. Response matters.', { title: 'Handbook' }),
  unit('Credit cards are issued by finance. Ask finance before you travel.', { title: 'Travel and expenses' }),
  unit('Holidays: thirty days a year.', { title: 'Credit where it is due' }),
  unit('A very long text about nothing in particular. '.repeat(30) + 'It ends with one response.', { title: 'Long' }),
  unit('What is it?', { title: '' }),
];

/** BM25 written down once more, over the lexemes that PostgreSQL makes. */
async function reference(query: string, units: SearchUnit[]): Promise<{ id: string; score: number }[]> {
  const lexemes = async (text: string, weight: number) =>
    (
      await owner.query<{ lexeme: string; tf: number }>('SELECT lexeme, cardinality(positions) AS tf FROM unnest(search_lexemes($1))', [
        text,
      ])
    ).rows.map((row) => ({ ...row, weight }));
  const terms = (await lexemes(foldQuery(query), 1)).map((row) => row.lexeme);
  const documents = await Promise.all(
    units.map(async ({ id, title, body }) => {
      const words = [...(await lexemes(foldText(title), 3)), ...(await lexemes(foldText(body), 1))];
      const tf = new Map<string, number>();
      for (const word of words) tf.set(word.lexeme, (tf.get(word.lexeme) ?? 0) + word.tf * word.weight);
      return { id, tf, length: words.reduce((sum, word) => sum + word.tf, 0) };
    }),
  );
  const mean = documents.reduce((sum, one) => sum + one.length, 0) / documents.length;
  return documents
    .map(({ id, tf, length }) => {
      const score = terms.reduce((sum, term) => {
        const holders = documents.filter((one) => one.tf.has(term)).length;
        const count = tf.get(term) ?? 0;
        const idf = Math.log(1 + (documents.length - holders + 0.5) / (holders + 0.5));
        return sum + (idf * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * length) / mean));
      }, 0);
      return { id, score };
    })
    .filter((one) => one.score > 0)
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

describe('ranking', () => {
  it.each(['service credit response', 'responses', 'What is the credit for travelling?', 'finance'])('is BM25: %s', async (query) => {
    const ctx = newReader();
    await put(ctx, ...CORPUS);
    const expected = await reference(query, CORPUS);

    const found = await byWords.search(ctx, await grants.of(ctx), { query, limit: 20 });

    expect(found.map((one) => one.unitId)).toEqual(expected.map((one) => one.id));
    const share = (found[0]?.score ?? 0) / (expected[0]?.score ?? 1);
    found.forEach((one, place) => expect(one.score).toBeCloseTo(share * (expected[place]?.score ?? 0), 9));
  });

  it('finds texts of stop words by a query of stop words, and nothing by no words', async () => {
    const ctx = newReader();
    await put(ctx, ...CORPUS);

    expect(bodies(await find(ctx, 'what is it'))).toEqual(['What is it?']);
    expect(await find(ctx, '?!… —')).toEqual([]);
    expect(await find(ctx, "'; DROP TABLE search_units; -- \\ : & | ! ( <->")).toEqual([]);
  });

  it.each([
    ['東京都庁は新宿にあります。', '新宿'],
    ['東京都庁は新宿にあります。', '都'],
    ['我们的休假政策是每年三十天。', '休假政策'],
    ['서울에서 회의가 열립니다.', '서울'],
    ['นโยบายการลาพักร้อน', 'พักร้อน'],
    ['Отпуск составляет тридцать дней.', 'ОТПУСК'],
    ['Das Büro schließt früh — immer.', 'buro'],
    ['छुट्टी की नीति', 'नीति'],
    ['सياسة الإجازات', 'الإجازات'],
    ['Call ﬁnance', 'finance'],
    ["a back\\slash o'clock", "o'clock back\\slash"],
  ])('finds %s by %s', async (body, query) => {
    const ctx = newReader();
    await put(ctx, unit(body), unit('Something else entirely.'));

    expect(bodies(await find(ctx, query))).toEqual([body]);
  });

  it('gives each subject once when asked to, and keeps to kinds and filters', async () => {
    const ctx = newReader();
    const handbook = uuidv7();
    const channelId = uuidv7();
    const chunk = (body: string, ordinal: number) =>
      unit(body, { subjectId: handbook, ordinal, source: { documentId: handbook, version: 1, chunkId: uuidv7(), start: 0, end: 1 } });
    await put(
      ctx,
      chunk('holiday rules', 0),
      chunk('holiday holiday holiday', 1),
      unit('a holiday', { kind: 'message', source: { channelId, threadId: null } }),
      unit('another holiday', { kind: 'message', source: { channelId: uuidv7(), threadId: null } }),
    );

    expect(await find(ctx, 'holiday')).toHaveLength(4);
    const once = await find(ctx, 'holiday', { once: true });
    expect(once.filter((one) => one.subjectId === handbook)).toMatchObject([{ body: 'holiday holiday holiday' }]);
    expect(once).toHaveLength(3);
    expect(await find(ctx, 'holiday', { kinds: ['message'] })).toHaveLength(2);
    expect(bodies(await find(ctx, 'holiday', { filters: { channelId } }))).toEqual(['a holiday']);
    expect(await find(ctx, 'holiday', { filters: { documentId: handbook } })).toHaveLength(2);
  });
});

describe('meaning', () => {
  it('finds what says the same in other words, and says when it cannot', async () => {
    const ctx = newReader();
    const stranger = newReader();
    await put(ctx, unit('The physician examined the sick child.'), unit('Our invoices are due in thirty days.'), unit('Rain is likely.'));

    const without = await byWords.find(ctx, await grants.of(ctx), {
      query: 'doctor patient hospital',
      limit: 5,
    });
    await filled(ctx);
    const found = await retrieval.find(ctx, await grants.of(ctx), { query: 'doctor patient hospital', limit: 5 });

    expect(without).toEqual({ passages: [], degraded: ['meaning'] });
    expect(found.degraded).toEqual([]);
    expect(bodies(found.passages)).toEqual(['The physician examined the sick child.']);
    expect(await find(stranger, 'doctor patient hospital')).toEqual([]);
    expect(await find(newReader('guest', ctx.orgId), 'doctor patient hospital')).toEqual([]);
  });

  it('makes vectors of what changed, and none of what is gone', async () => {
    const ctx = newReader();
    const [one, two] = [unit('a cat on the carpet'), unit('a ship at sea')];
    await put(ctx, one, two);
    await filled(ctx);
    const former = await vectorsOf(ctx);
    await put(ctx, { ...one, body: 'tax law and courts' });
    await db.inOrg(ctx, (tx) => index.removeSubject(tx, ctx, two.kind, two.subjectId));
    await filled(ctx);

    const present = await vectorsOf(ctx);
    expect(present.map((row) => row.unit_id)).toEqual([one.id]);
    expect(former).toHaveLength(2);
    expect(former).not.toContainEqual(present[0]);
  });

  it('takes over what a process left that died at it', async () => {
    const ctx = newReader();
    await db.inOrg(ctx, async (tx) => {
      await index.put(tx, ctx, [unit('a cat on the carpet')]);
      await tx.$executeRaw`UPDATE search_pending SET claimed_until = now() + interval '1 hour'`;
    });
    await filler.fillAll();
    expect(await vectorsOf(ctx)).toEqual([]);

    await owner.query(`UPDATE search_pending SET claimed_until = now() - interval '1 second' WHERE org_id = $1`, [ctx.orgId]);
    await filled(ctx);

    expect(await vectorsOf(ctx)).toHaveLength(1);
  });

  const vectorsOf = async (ctx: OrgContext) =>
    (
      await owner.query<{ unit_id: string; embedding: string }>('SELECT unit_id, embedding::text FROM search_vectors WHERE org_id = $1', [
        ctx.orgId,
      ])
    ).rows;
  /** The app of the test run is at it as well. */
  async function filled(ctx: OrgContext): Promise<void> {
    do await filler.fillAll();
    while ((await pending(ctx)) > 0);
  }
  const pending = async (ctx: OrgContext) =>
    Number((await owner.query<{ n: string }>('SELECT count(*) AS n FROM search_pending WHERE org_id = $1', [ctx.orgId])).rows[0]?.n);
});

describe('a conversation', () => {
  it('is read with the turns around, and by who speaks', async () => {
    const ctx = newReader();
    const conversation = uuidv7();
    const say = (place: number, speaker: string, body: string) =>
      unit(body, {
        kind: 'message',
        source: { channelId: conversation, threadId: null },
        turn: { conversation, speaker, saidAt: new Date(Date.UTC(2023, 4, 8, 12, place)) },
      });
    const lines = ['Where did you go for the pottery workshop?', 'To the old mill, and it was lovely weather all day long.', 'Nice.'];
    await put(
      ctx,
      ...lines.map((body, place) => say(place, place % 2 === 0 ? 'Melanie' : 'Caroline', body)),
      ...Array.from({ length: 20 }, (_, place) => say(10 + place, 'Melanie', `Something about number ${place} and nothing else.`)),
    );

    const found = await find(ctx, 'Where was the pottery workshop of Caroline in May?');

    expect(bodies(found)[0]).toBe(lines[1]);
    expect(bodies(await find(ctx, 'pottery'))).toEqual([lines[0]]);
  });
});

describe('counting', () => {
  const queries = ['service credit response', 'finance travel', 'holidays'];
  const scores = async (ctx: OrgContext) =>
    Promise.all(
      queries.map(async (query) =>
        (await byWords.search(ctx, await grants.of(ctx), { query, limit: 20 })).map(({ unitId, score }) => ({
          unitId,
          score: score.toFixed(9),
        })),
      ),
    );

  async function counts(ctx: OrgContext) {
    const terms = await owner.query<{ term: string; units: string }>(
      'SELECT term, units FROM search_terms WHERE org_id = $1 ORDER BY term',
      [ctx.orgId],
    );
    const totals = await owner.query<{ units: string; length: string }>('SELECT units, length FROM search_totals WHERE org_id = $1', [
      ctx.orgId,
    ]);
    const left = await owner.query<{ left: string }>(
      'SELECT (SELECT count(*) FROM search_units WHERE org_id = $1 AND NOT counted) + (SELECT count(*) FROM search_debts WHERE org_id = $1) AS left',
      [ctx.orgId],
    );
    return { terms: terms.rows, totals: totals.rows[0], left: Number(left.rows[0]?.left) };
  }
  async function recount(ctx: OrgContext) {
    const terms = await owner.query(
      'SELECT l.lexeme AS term, count(*) AS units FROM search_units s, unnest(s.tsv) l WHERE s.org_id = $1 GROUP BY 1 ORDER BY 1',
      [ctx.orgId],
    );
    const totals = await owner.query('SELECT count(*) AS units, sum(length) AS length FROM search_units WHERE org_id = $1', [ctx.orgId]);
    return { terms: terms.rows as unknown[], totals: totals.rows[0] as unknown, left: 0 };
  }

  it('changes no score: before, half way, after, and after units were rewritten and removed', async () => {
    const ctx = newReader();
    const units = CORPUS.map((one) => ({ ...one, id: uuidv7(), subjectId: uuidv7() }));
    await put(ctx, ...units.slice(0, 3));
    await counter.fold(ctx.orgId);
    await put(ctx, ...units.slice(3));
    const halfway = await scores(ctx);
    await counter.fold(ctx.orgId);
    expect(await scores(ctx)).toEqual(halfway);
    expect(await counts(ctx)).toEqual(await recount(ctx));

    const [first, second, third] = units;
    if (!first || !second || !third) throw new Error('the corpus is too small');
    await put(ctx, { ...first, body: 'Now of finance and holidays.' });
    await put(ctx, { ...first, body: 'Now of finance, holidays and travel.' });
    await db.inOrg(ctx, (tx) => index.removeSubject(tx, ctx, second.kind, second.subjectId));
    await db.inOrg(ctx, (tx) => index.regrant(tx, ctx, third.kind, third.subjectId, ['org', 'user:x']));
    const before = await scores(ctx);
    await counter.foldAll();
    expect(await scores(ctx)).toEqual(before);
    expect(await counts(ctx)).toEqual(await recount(ctx));
  });

  it('stays right and free of deadlocks while units are written, rewritten and removed', async () => {
    const ctx = newReader();
    const units = Array.from({ length: 120 }, (_, place) => unit(`alpha beta word${place % 7} word${place % 11}`));
    const writing = units.map(async (one, place) => {
      await put(ctx, one);
      if (place % 3 === 0) await put(ctx, { ...one, body: `gamma word${place % 5}` });
      if (place % 5 === 0) await db.inOrg(ctx, (tx) => index.removeSubject(tx, ctx, one.kind, one.subjectId));
    });
    const folding = Array.from({ length: 10 }, () => counter.fold(ctx.orgId));
    await Promise.all([...writing, ...folding]);
    await counter.fold(ctx.orgId);

    expect(await counts(ctx)).toEqual(await recount(ctx));
  });
});

describe('grants', () => {
  it('shows a reader what they have a grant of, and a stranger nothing', async () => {
    const ctx = newReader();
    const guest = newReader('guest', ctx.orgId);
    const own = ctx.principal.id ?? '';
    await put(
      ctx,
      unit('secret plan of mine', { grants: [`user:${own}`] }),
      unit('secret plan of the channel', { grants: ['channel:1'] }),
      unit('secret plan of all'),
    );

    expect(bodies(await find(ctx, 'secret plan')).sort()).toEqual(['secret plan of all', 'secret plan of mine']);
    expect(await find(guest, 'secret plan')).toEqual([]);
    expect(await find(newReader('owner'), 'secret plan')).toEqual([]);
    expect(bodies(await retrieval.search(ctx, GrantSet.ofChannel(['channel:1']), { query: 'plan', limit: 5 }))).toEqual([
      'secret plan of the channel',
    ]);
  });

  it('asks the sources, narrows a context, and never reads for the system', async () => {
    const ctx = newReader();
    const asking = new ReaderGrants();
    asking.register({ grantsOf: () => Promise.resolve(['channel:1']) });

    expect((await asking.of(ctx)).toArray()).toEqual(['channel:1', 'everyone', 'org', `user:${ctx.principal.id}`]);
    const audience = GrantSet.intersect(await asking.of(ctx), GrantSet.ofChannel(['org', 'channel:2']));
    if (!audience) throw new Error('they share org');
    const narrow = asking.narrow(ctx, audience);
    expect((await asking.of(narrow)).toArray()).toEqual(['org']);
    expect((await asking.of({ ...narrow, idempotency: null })).toArray()).toEqual(['org']);
    expect(GrantSet.intersect(audience, GrantSet.ofChannel(['channel:2']))).toBeNull();
    await expect(asking.of(systemContext(ctx.orgId, 'test'))).rejects.toThrow('on behalf of nobody');
    expect(() => GrantSet.ofChannel([])).toThrow('never empty');
  });

  it('shows what holds at the time asked about, of the namespaces asked about', async () => {
    const ctx = newReader();
    const memory = (body: string, more: Partial<SearchUnit> & { namespaceId: string }) =>
      unit(body, { kind: 'memory', source: { namespaceId: more.namespaceId, namespace: 'n', subject: null, predicate: null }, ...more });
    const [facts, rumours] = [uuidv7(), uuidv7()];
    const former = memory('the port is 80', { namespaceId: facts, validFrom: new Date('2024-01-01'), validTo: new Date('2025-01-01') });
    await put(
      ctx,
      former,
      memory('the port is 443', { namespaceId: facts, validFrom: new Date('2025-01-01') }),
      memory('the port is blue', { namespaceId: rumours }),
    );
    const at = async (asOf?: string, namespaceIds = [facts]) =>
      bodies(await find(ctx, 'port', { asOf: asOf ? new Date(asOf) : undefined, filters: { namespaceIds } }));

    expect(await at()).toEqual(['the port is 443']);
    expect(await at('2024-06-01T00:00:00Z')).toEqual(['the port is 80']);
    expect(await at('2025-01-01T00:00:00Z')).toEqual(['the port is 443']);
    expect(await at('2023-01-01T00:00:00Z')).toEqual([]);
    expect((await at(undefined, [facts, rumours])).sort()).toEqual(['the port is 443', 'the port is blue']);
    await db.inOrg(ctx, (tx) => index.revalidate(tx, ctx, 'memory', former.subjectId, { validFrom: null, validTo: null }));
    expect((await at()).sort()).toEqual(['the port is 443', 'the port is 80']);
  });

  it('follows a change of grants at once', async () => {
    const ctx = newReader();
    const one = unit('the merger', { grants: ['user:somebody'] });
    await put(ctx, one);
    expect(await find(ctx, 'merger')).toEqual([]);

    await db.inOrg(ctx, (tx) => index.regrant(tx, ctx, one.kind, one.subjectId, ['org']));

    expect(await find(ctx, 'merger')).toHaveLength(1);
  });
});

it('answers a snippet that stands in the body, with the places of the words', async () => {
  const ctx = newReader();
  const body = `${'Filler words come first. '.repeat(40)}The warranty is renewed every year, and renewals of warranties are free.${' More filler.'.repeat(40)}`;
  await put(ctx, unit(body, { title: 'Terms' }));

  const { data } = await new SearchQueries(grants, retrieval, db, spaces).find(ctx, { query: 'renew warranty', limit: 5 });

  expect(data).toHaveLength(1);
  const [hit] = data;
  expect(hit?.snippet.length).toBeLessThanOrEqual(240);
  expect(body).toContain(hit?.snippet);
  expect(hit?.highlights.map(({ start, end }) => hit.snippet.slice(start, end))).toEqual(['warranty', 'renewed', 'renewals', 'warranties']);
});

describe('an organization of 20,000 units among many small ones', () => {
  it('is searched by the index, not by reading all', async () => {
    const ctx = newReader();
    const words = Array.from({ length: 2_000 }, (_, place) => `w${place}x`);
    for (let batch = 0; batch < 10; batch++) {
      const units = Array.from({ length: 2_000 }, (_, place) => {
        const at = batch * 2_000 + place;
        return unit(`${words[at % 2_000]} ${words[(at * 7) % 2_000]} ${words[(at * 13) % 1_999]} common`);
      });
      await put(ctx, ...units);
    }
    await counter.fold(ctx.orgId);
    await owner.query(`INSERT INTO search_units (org_id, id, kind, subject_id, ordinal, title, body, tsv, length, grants, source, counted)
      SELECT org, gen_random_uuid(), 'document', gen_random_uuid(), 0, '', 'small', 'small', 1, '{org}', '{}', true
      FROM (SELECT gen_random_uuid() AS org FROM generate_series(1, 2000)) AS small, generate_series(1, 5)`);
    await owner.query('ANALYZE search_units');

    await owner.query('BEGIN');
    try {
      await owner.query(`SET LOCAL ROLE atrium_app; SET LOCAL app.org_id = '${ctx.orgId}'`);
      const search = `SELECT r.id FROM search_statistics($1) s CROSS JOIN LATERAL search_ranked(s.terms, s.holders, s.units, s.mean_length, $2, NULL, NULL, NULL, now(), 10) r`;
      const { rows } = await owner.query(search, [['w17x', 'w300x', 'common'], ['org']]);
      const { rows: scans } = await owner.query<{ by_index: string; whole: string }>(
        `SELECT pg_stat_get_xact_numscans('search_units_tsv'::regclass) AS by_index, pg_stat_get_xact_numscans('search_units'::regclass) AS whole`,
      );
      expect(rows).toHaveLength(10);
      expect({ byIndex: Number(scans[0]?.by_index) > 0, whole: Number(scans[0]?.whole) }).toEqual({ byIndex: true, whole: 0 });
    } finally {
      await owner.query('ROLLBACK');
    }
  }, 120_000);
});
