import type { z } from 'zod';
import type {
  Channel,
  CreatedApiKey,
  Document,
  Memory,
  Message,
  Pattern,
  PatternPage,
  PatternUsage,
  PatternUsagePage,
  SearchResult,
  SuggestedPatterns,
  Team,
} from '@atrium/contracts';
import { Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { McpCaller } from '../lib/mcp.js';

const LATE = { name: 'Late invoices', situation: 'A customer has not paid an invoice for thirty days', action: 'Call, do not write.' };

const write = ({ api }: Pick<Person, 'api'>, more: object = {}) => api.post<Pattern>('/v1/patterns', { ...LATE, ...more });
const read = ({ api }: Pick<Person, 'api'>, { id }: Pattern) => api.get<Pattern>(`/v1/patterns/${id}`);
const suggest = async ({ api }: Pick<Person, 'api'>, situation: string, more: object = {}) =>
  (await api.post<SuggestedPatterns>('/v1/patterns/suggest', { situation, ...more })).data;
const names = (patterns: { name: string }[]) => patterns.map(({ name }) => name);
async function use({ api }: Pick<Person, 'api'>, { id }: Pattern, ...outcomes: PatternUsage['outcome'][]) {
  for (const outcome of outcomes) await api.post<PatternUsage>(`/v1/patterns/${id}/usages`, { outcome });
}

it('suggests what fits and worked, counts how it went, and stops to suggest what fails', async () => {
  const olivia = await newOrganization();
  const call = await write(olivia);
  const letter = await write(olivia, { name: 'Write a letter', action: 'Write a letter.' });
  await write(olivia, { name: 'Gardening', situation: 'The tomatoes wilt', action: 'Water them.' });
  expect(call).toMatchObject({ status: 'active', usages: 0, successRate: null, confidence: 0, access: { level: 'private', grants: [] } });

  await use(olivia, call, 'success', 'success', 'failure', 'success');
  await use(olivia, letter, 'failure');

  const [best, second] = await suggest(olivia, 'an invoice was not paid');
  expect(names([best, second] as Pattern[])).toEqual(['Late invoices', 'Write a letter']);
  expect(best).toMatchObject({ usages: 4, successes: 3, successRate: 0.75, lastUsedAt: expect.any(String) });
  expect(best?.confidence).toBeCloseTo(0.3006, 4);

  await use(olivia, letter, 'failure', 'failure', 'failure', 'failure');
  expect(await read(olivia, letter)).toMatchObject({ status: 'demoted', usages: 5, successRate: 0, confidence: 0 });
  expect(names(await suggest(olivia, 'an invoice was not paid'))).not.toContain('Write a letter');
  await use(olivia, letter, 'success', 'success');
  expect(await read(olivia, letter)).toMatchObject({ status: 'active' });

  const best50 = await olivia.api.get<z.infer<typeof PatternPage>>('/v1/patterns', { sort: 'best', limit: '1' });
  expect(names(best50.data)).toEqual(['Late invoices']);
  const rest = await olivia.api.get<z.infer<typeof PatternPage>>('/v1/patterns', { sort: 'best', cursor: best50.nextCursor ?? '' });
  expect(names(rest.data)).toEqual(['Write a letter', 'Gardening']);
});

it('puts a pattern aside, takes it back, changes and removes it, and tells each', async () => {
  const olivia = await newOrganization();
  const pattern = await write(olivia);
  const change = (patch: object) => olivia.api.patch<Pattern>(`/v1/patterns/${pattern.id}`, patch);

  expect(await change({ status: 'archived' })).toMatchObject({ status: 'archived' });
  expect(await suggest(olivia, LATE.situation)).toEqual([]);
  expect((await olivia.api.get<SearchResult>('/v1/search', { q: 'invoice' })).data).toEqual([]);
  await change({ status: 'active', situation: 'The bill is overdue' });
  expect(names(await suggest(olivia, 'overdue bill'))).toEqual([LATE.name]);
  const [hit] = (await olivia.api.get<SearchResult>('/v1/search', { q: 'overdue' })).data;
  expect(hit).toMatchObject({ kind: 'pattern', id: pattern.id, title: LATE.name, source: { action: LATE.action } });

  await use(olivia, pattern, 'success', 'failure');
  const usages = await olivia.api.get<z.infer<typeof PatternUsagePage>>(`/v1/patterns/${pattern.id}/usages`);
  expect(usages.data.map(({ outcome }) => outcome)).toEqual(['failure', 'success']);
  const failures = await olivia.api.get<z.infer<typeof PatternUsagePage>>('/v1/pattern-usages', { outcome: 'failure' });
  expect(failures.data).toEqual([usages.data[0]]);

  await olivia.api.delete(`/v1/patterns/${pattern.id}`);
  expect(await olivia.api.refused(404, 'GET', `/v1/patterns/${pattern.id}`)).toMatchObject({ code: 'memory.pattern_not_found' });
  expect((await olivia.api.get<z.infer<typeof PatternUsagePage>>('/v1/pattern-usages')).data).toEqual([]);
  expect((await olivia.api.get<SearchResult>('/v1/search', { q: 'overdue' })).data).toEqual([]);
});

it('is read by those whom its access names, written by its owner, and not shared with who has left', async () => {
  const olivia = await newOrganization();
  const [bob, eve] = [await newColleague(olivia, 'member', 'Bob'), await newColleague(olivia, 'member', 'Eve')];
  const stranger = await newOrganization();
  const team = await olivia.api.post<Team>('/v1/teams', { name: 'Sales' });
  await olivia.api.post(`/v1/teams/${team.id}/members`, { userId: bob.user.id });
  const forTeam = await write(olivia, { access: { level: 'team', grants: [{ kind: 'team', id: team.id }] } });
  const forBob = await write(olivia, { name: 'For Bob', access: { level: 'shared', grants: [{ kind: 'user', id: bob.user.id }] } });

  expect(names(await suggest(bob, LATE.situation)).sort()).toEqual(['For Bob', LATE.name].sort());
  for (const nobody of [eve, stranger]) {
    expect(await suggest(nobody, LATE.situation)).toEqual([]);
    for (const { id } of [forTeam, forBob]) {
      await nobody.api.refused(404, 'GET', `/v1/patterns/${id}`);
      await nobody.api.refused(404, 'POST', `/v1/patterns/${id}/usages`, { body: { outcome: 'success' } });
    }
  }
  await use(bob, forBob, 'success');
  expect(await bob.api.refused(403, 'PATCH', `/v1/patterns/${forBob.id}`, { body: { name: 'Mine' } })).toMatchObject({
    code: 'memory.not_owner',
  });
  expect(await bob.api.refused(403, 'POST', '/v1/patterns', { body: { ...LATE, access: 'system' } })).toMatchObject({
    code: 'memory.read_only',
  });

  await olivia.api.delete(`/v1/members/${bob.user.id}`);
  await eventually('Bob is taken out', async () => (await read(olivia, forBob)).access.level === 'private');
  expect(await read(olivia, forTeam)).toMatchObject({ access: { level: 'team' } });
});

it('learns from an agent on behalf of whoever made its key', async () => {
  const olivia = await newOrganization();
  const agents = await olivia.api.get<{ data: { id: string }[] }>('/v1/agents');
  const agentId = agents.data[0]?.id ?? '';
  const { key } = await olivia.api.post<CreatedApiKey>('/v1/api-keys', { name: 'Learner', agentId });
  const agent = { api: new Api(key) };
  const pattern = await write(agent, { access: 'organization' });

  await use(agent, pattern, 'success');

  const author = { kind: 'agent', id: agentId, onBehalfOf: olivia.user.id };
  expect(pattern).toMatchObject({ ownerId: olivia.user.id, createdBy: author });
  const used = await olivia.api.get<z.infer<typeof PatternUsagePage>>('/v1/pattern-usages', { usedById: agentId });
  expect(used.data).toMatchObject([{ patternId: pattern.id, usedBy: author }]);
  expect(names((await olivia.api.get<z.infer<typeof PatternPage>>('/v1/patterns', { authorId: agentId })).data)).toEqual([LATE.name]);
});

it.each([
  ['no situation', { situation: '  ' }, '/situation'],
  ['a megabyte of text', { action: 'x'.repeat(1_000_000) }, '/action'],
  ['an unknown key', { owner: 'me' }, 'is not known here'],
  ['a level that is none', { access: 'nobody' }, '/access'],
  [
    'somebody of another organization',
    { access: { level: 'shared', grants: [{ kind: 'user', id: '00000000-0000-4000-8000-000000000000' }] } },
    '/access/grants/0',
  ],
])('refuses %s and stores nothing', async (_, more, pointer) => {
  const olivia = await newOrganization();
  const problem = await olivia.api.refused(400, 'POST', '/v1/patterns', { body: { ...LATE, ...more } });
  expect(JSON.stringify(problem.errors)).toContain(pointer);
  expect((await olivia.api.get<z.infer<typeof PatternPage>>('/v1/patterns')).data).toEqual([]);
});

it('is a passage for the tool `search` as every other kind is', async () => {
  const owner = await newOrganization();
  const { api } = owner;
  const pattern = await api.post<Pattern>('/v1/patterns', {
    name: 'Refund',
    situation: 'A customer wants a refund',
    action: 'Pay at once.',
  });
  const memory = await api.post<Memory>('/v1/memories', { content: 'The customer asked for a refund.' });
  const channel = await api.post<Channel>('/v1/channels', { name: 'refunds' });
  const message = await api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'Which customer wants a refund?' });
  const text = 'Every customer gets a refund within a month.';
  const paper = await api.post<Document>('/v1/documents', { title: 'Terms', text, mediaType: 'text/plain' });
  await eventually('the document', async () => (await api.get<Document>(`/v1/documents/${paper.id}`)).status === 'ready');
  const mcp = await McpCaller.connect(api);

  const { passages } = await mcp.call<{ passages: { kind: string; subjectId: string; source: object }[] }>('search', {
    query: 'customer refund',
  });

  const expected = { pattern: pattern.id, memory: memory.id, message: message.id, document: paper.id };
  expect(Object.fromEntries(passages.map(({ kind, subjectId }) => [kind, subjectId]))).toEqual(expected);
  expect(passages.find(({ kind }) => kind === 'pattern')?.source).toEqual({ action: 'Pay at once.' });
  await mcp.close();
});

it('loses no usage of twenty at once', async () => {
  const olivia = await newOrganization();
  const pattern = await write(olivia);
  await Promise.all(Array.from({ length: 20 }, (_, at) => use(olivia, pattern, at % 4 === 0 ? 'failure' : 'success')));
  expect(await read(olivia, pattern)).toMatchObject({ usages: 20, successes: 15 });
});
