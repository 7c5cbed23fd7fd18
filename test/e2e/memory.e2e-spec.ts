import { randomUUID } from 'node:crypto';
import type {
  AddedMemories,
  AuditPage,
  CreatedApiKey,
  LiveEvent,
  Memory,
  MemoryEntryPage,
  MemoryPage,
  MemoryReview,
  MemoryReviewPage,
  MemorySearchResult,
  Namespace,
  NamespacePage,
  SearchResult,
  Team,
} from '@atrium/contracts';
import type { z } from 'zod';
import { Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { McpCaller } from '../lib/mcp.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

const add = ({ api }: Pick<Person, 'api'>, content: string, more: object = {}) => api.post<Memory>('/v1/memories', { content, ...more });
const find = async ({ api }: Pick<Person, 'api'>, query: string, more: object = {}) =>
  (await api.post<MemorySearchResult>('/v1/memories/search', { query, ...more })).data;
const list = async ({ api }: Pick<Person, 'api'>, query: Record<string, string> = {}) =>
  (await api.get<z.infer<typeof MemoryPage>>('/v1/memories', query)).data;
const history = async ({ api }: Pick<Person, 'api'>, { id }: Memory) =>
  (await api.get<z.infer<typeof MemoryEntryPage>>(`/v1/memories/${id}/history`)).data;
const reviews = async ({ api }: Pick<Person, 'api'>) => (await api.get<z.infer<typeof MemoryReviewPage>>('/v1/memory-reviews')).data;
const contents = (memories: { content: string }[]) => memories.map((memory) => memory.content);

it('remembers, is corrected, and tells what was believed last month and why', async () => {
  const olivia = await newOrganization();
  const stranger = await newOrganization();
  const address = { subject: 'Northwind', predicate: 'has its head office in', access: 'organization' };
  const kyiv = await add(olivia, 'The head office of Northwind is in Kyiv.', { ...address, validFrom: daysAgo(90) });

  const lviv = await add(olivia, 'The head office of Northwind is in Lviv.', { ...address, subject: ' NORTHWIND ' });

  expect(kyiv).toMatchObject({ namespace: 'default', access: { level: 'organization', grants: [] }, validTo: null, confidence: 1 });
  expect(contents(await find(olivia, 'where is the head office'))).toEqual([lviv.content]);
  expect(contents(await find(olivia, 'where is the head office', { asOf: daysAgo(30) }))).toEqual([kyiv.content]);
  expect(await find(olivia, 'where is the head office', { asOf: daysAgo(100) })).toEqual([]);
  expect(await olivia.api.get<Memory>(`/v1/memories/${kyiv.id}`)).toMatchObject({ validTo: lviv.validFrom, supersededBy: lviv.id });
  expect((await history(olivia, lviv)).map(({ kind, memoryId, otherId, content }) => ({ kind, memoryId, otherId, content }))).toEqual([
    { kind: 'added', memoryId: kyiv.id, otherId: null, content: kyiv.content },
    { kind: 'added', memoryId: lviv.id, otherId: null, content: lviv.content },
    { kind: 'superseded', memoryId: kyiv.id, otherId: lviv.id, content: kyiv.content },
  ]);
  expect(await history(olivia, kyiv)).toEqual(await history(olivia, lviv));
  expect(contents(await list(olivia))).toEqual([lviv.content]);
  expect(contents(await list(olivia, { includeRetired: 'true' }))).toEqual([lviv.content, kyiv.content]);

  expect(await find(stranger, 'where is the head office')).toEqual([]);
  expect(await list(stranger, { includeRetired: 'true' })).toEqual([]);
  for (const path of ['', '/history'])
    expect(await stranger.api.refused(404, 'GET', `/v1/memories/${kyiv.id}${path}`)).toMatchObject({ code: 'memory.not_found' });
});

it('loses nothing to a contradiction in free text: somebody decides (mem0 #4536)', async () => {
  const owner = await newOrganization();
  const love = await add(owner, 'I love Chinese food');
  const hate = await add(owner, 'I hate Chinese food');

  expect(contents(await find(owner, 'Chinese food')).sort()).toEqual([hate.content, love.content]);
  const [review] = await reviews(owner);
  expect(review).toMatchObject({ status: 'open', reason: 'similar_words', proposed: { id: hate.id }, existing: { id: love.id } });

  const accepted = await owner.api.post<MemoryReview>(`/v1/memory-reviews/${review?.id}/accept`);

  expect(accepted).toMatchObject({
    status: 'accepted',
    decidedBy: { kind: 'user', id: owner.user.id },
    existing: { supersededBy: hate.id },
  });
  expect(contents(await find(owner, 'Chinese food'))).toEqual([hate.content]);
  expect(await reviews(owner)).toEqual([]);
  expect((await history(owner, hate)).map(({ kind }) => kind)).toEqual([
    'added',
    'added',
    'review_opened',
    'review_accepted',
    'superseded',
  ]);
  expect(await owner.api.refused(409, 'POST', `/v1/memory-reviews/${review?.id}/reject`)).toMatchObject({ code: 'memory.review_decided' });
});

it('keeps the same memory once (mem0 #1674), also when twenty tell it at once', async () => {
  const owner = await newOrganization();
  const text = 'The dog is a domesticated descendant of the wolf. It was domesticated over 14,000 years ago.';
  const first = await add(owner, text, { confidence: 0.5 });

  const again = await owner.api.call<Memory>('POST', '/v1/memories', {
    body: { content: ` ${text.toUpperCase()}`, tags: ['dogs'], confidence: 0.9 },
  });
  // A server that sheds load asks to try again.
  const tell = () =>
    eventually('told', async () => {
      const answer = await owner.api.call<Memory>('POST', '/v1/memories', { body: { content: 'Told at once' } });
      return answer.status !== 503 && answer;
    });
  const many = await Promise.all(Array.from({ length: 20 }, tell));

  expect(again).toMatchObject({ status: 200, body: { id: first.id, content: text, confidence: 0.9, tags: ['dogs'] } });
  expect(many.filter(({ status }) => status !== 200 && status !== 201)).toEqual([]);
  expect(many.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(1);
  expect(new Set(many.map(({ body }) => body.id)).size).toBe(1);
  expect(contents(await list(owner)).sort()).toEqual(['Told at once', text].sort());
  expect((await history(owner, first)).map(({ kind }) => kind)).toEqual(['added', 'confirmed']);
});

it('keeps the same memory once, whatever in it cannot be seen', async () => {
  const owner = await newOrganization();
  const office = await add(owner, 'The office is in Lviv', { subject: 'Northwind', predicate: 'has its office in', tags: ['offices'] });

  const again = await owner.api.call<Memory>('POST', '/v1/memories', {
    body: {
      content: 'The off\u200bice is in Lviv\u2069',
      subject: 'North\u200bwind\u202e',
      predicate: 'has its \u2060office in',
      tags: ['off\u00adices'],
    },
  });

  expect(again).toMatchObject({ status: 200, body: office });
  expect(await list(owner, { subject: 'Northwind\u200b', predicate: 'has its office in', tag: 'offices\u200b' })).toEqual([office]);
  const hidden = await owner.api.refused(400, 'POST', '/v1/memories', { body: { content: 'x', subject: '\u200b', predicate: 'is' } });
  expect(hidden).toMatchObject({ errors: [{ pointer: '/subject' }] });
});

it('leaves unrelated facts about the same thing (graphiti #1728)', async () => {
  const owner = await newOrganization();
  const facts = [
    { content: 'Ben works at Northwind as head of support', subject: 'Ben', predicate: 'works at' },
    { content: 'Ben administers the source control of Northwind', subject: 'Ben', predicate: 'administers' },
    { content: 'Ben imposed the audit of suppliers', subject: 'Ben', predicate: 'imposed' },
    { content: 'Northwind uses the stations of Globex', subject: 'Northwind', predicate: 'uses' },
    { content: 'Globex uses the parts of Initech', subject: 'Globex', predicate: 'uses' },
    { content: 'Ben likes tea', subject: 'Ben', predicate: 'likes' },
    { content: 'Ben likes coffee', subject: 'Ben', predicate: 'likes' },
    { content: 'Ben was seen in Kyiv' },
    { content: 'The plants in the hall need water on Fridays' },
  ];
  for (const { content, ...more } of facts) await add(owner, content, more);

  expect(contents(await list(owner)).sort()).toEqual(contents(facts).sort());
  expect(await reviews(owner)).toEqual([]);
});

it('puts a fact of the past into the history and leaves what holds', async () => {
  const owner = await newOrganization();
  const slot = { subject: 'Олена', predicate: 'lives in' };
  const kyiv = await add(owner, 'Київ', { ...slot, validFrom: daysAgo(300) });
  const lviv = await add(owner, 'Львів', { ...slot, validFrom: daysAgo(100) });
  const odesa = await add(owner, 'Одеса', { ...slot, validFrom: daysAgo(200) });

  expect(odesa).toMatchObject({ validTo: lviv.validFrom, supersededBy: lviv.id });
  expect(await owner.api.get<Memory>(`/v1/memories/${kyiv.id}`)).toMatchObject({ validTo: odesa.validFrom, supersededBy: odesa.id });
  expect(contents(await list(owner, { subject: 'ОЛЕНА', predicate: 'Lives_in' }))).toEqual(['Львів']);
  const at = async (days: number) => contents(await find(owner, 'Олена lives in', { asOf: daysAgo(days) }));
  expect([await at(250), await at(150), await at(0)]).toEqual([['Київ'], ['Одеса'], ['Львів']]);
});

it('asks before a fact that is less certain or of somebody else ends another', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const slot = { subject: 'the launch', predicate: 'is on', access: 'organization', namespace: 'plans' };
  await owner.api.post<Namespace>('/v1/namespaces', { name: 'plans', access: 'organization' });
  const may = await add(owner, 'The launch is on the ninth of May', slot);

  const june = await add(member, 'The launch is on the first of June', slot);
  const july = await add(owner, 'The launch is in July', { ...slot, confidence: 0.4 });

  expect((await list(member)).map(({ id }) => id).sort()).toEqual([may.id, june.id, july.id].sort());
  expect((await reviews(member)).map(({ reason }) => reason).sort()).toEqual(['less_certain', 'less_certain', 'someone_elses']);
  const review = (await reviews(member)).find(({ reason }) => reason === 'someone_elses');
  expect(await member.api.refused(403, 'POST', `/v1/memory-reviews/${review?.id}/accept`)).toMatchObject({ code: 'memory.not_owner' });
  await owner.api.post(`/v1/memory-reviews/${review?.id}/reject`);
  expect((await list(member)).map(({ id }) => id)).toContain(may.id);
});

it('shows memories to those whom their access names, and to nobody else', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const guest = await newColleague(owner, 'guest');
  const memories = {
    private: await add(owner, 'tomatoes privately'),
    organization: await add(owner, 'tomatoes for all of us', { access: 'organization' }),
    system: await add(owner, 'tomatoes for everyone', { access: { level: 'system' } }),
  };

  expect(contents(await find(owner, 'tomatoes')).sort()).toEqual(contents(Object.values(memories)).sort());
  expect(contents(await find(member, 'tomatoes')).sort()).toEqual([memories.organization.content, memories.system.content].sort());
  expect(contents(await find(guest, 'tomatoes'))).toEqual([memories.system.content]);
  expect(contents(await list(guest))).toEqual([memories.system.content]);
  const everywhere = (await member.api.post<SearchResult>('/v1/search', { query: 'tomatoes', kinds: ['memory'] })).data;
  expect(everywhere.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(
    [`memory ${memories.organization.id}`, `memory ${memories.system.id}`].sort(),
  );
  expect(await member.api.refused(404, 'GET', `/v1/memories/${memories.private.id}`)).toMatchObject({ code: 'memory.not_found' });
  expect(await member.api.refused(403, 'PATCH', `/v1/memories/${memories.organization.id}`, { body: { content: 'mine' } })).toMatchObject({
    code: 'memory.not_owner',
  });
  expect(await member.api.refused(403, 'DELETE', `/v1/memories/${memories.system.id}`)).toMatchObject({ code: 'memory.not_owner' });
  expect(await member.api.refused(403, 'POST', '/v1/memories', { body: { content: 'x', access: 'system' } })).toMatchObject({
    code: 'memory.read_only',
  });
  expect(await guest.api.refused(403, 'POST', '/v1/memories', { body: { content: 'x' } })).toMatchObject({
    code: 'auth.permission_missing',
  });
});

it('shares with teams, people and agents, and with nobody of another organization', async () => {
  const owner = await newOrganization();
  const [inTeam, named, neither] = [await newColleague(owner), await newColleague(owner, 'guest'), await newColleague(owner)];
  const stranger = await newOrganization();
  const team = await owner.api.post<Team>('/v1/teams', { name: 'Gardeners' });
  await owner.api.post(`/v1/teams/${team.id}/members`, { userId: inTeam.user.id });
  const teamAccess = { level: 'team', grants: [{ kind: 'team', id: team.id }] };
  const named1 = { level: 'shared', grants: [{ kind: 'user', id: named.user.id }] };
  await owner.api.post('/v1/namespaces', { name: 'beds', access: teamAccess });

  const ofTeam = await add(owner, 'tomatoes of the team', { namespace: 'beds' });
  const byMember = await add(inTeam, 'tomatoes by a gardener', { namespace: 'beds' });
  const shared = await add(owner, 'tomatoes for one guest', { access: named1 });

  expect([ofTeam.access, byMember.access, byMember.namespaceId]).toEqual([teamAccess, teamAccess, ofTeam.namespaceId]);
  expect(contents(await find(inTeam, 'tomatoes')).sort()).toEqual([ofTeam.content, byMember.content].sort());
  expect(contents(await find(named, 'tomatoes'))).toEqual([shared.content]);
  expect(await find(neither, 'tomatoes')).toEqual([]);
  expect(await list(neither, { namespace: 'beds' })).toEqual([]);
  for (const id of [stranger.user.id, randomUUID()]) {
    const body = { content: 'x', access: { level: 'shared', grants: [{ kind: 'user', id }] } };
    expect(await owner.api.refused(400, 'POST', '/v1/memories', { body })).toMatchObject({
      code: 'memory.grantee_not_found',
      errors: [{ pointer: '/access/grants/0' }],
    });
  }

  await owner.api.delete(`/v1/teams/${team.id}/members/${inTeam.user.id}`);
  await owner.api.patch(`/v1/memories/${shared.id}`, { access: 'private' });

  expect(contents(await find(inTeam, 'tomatoes'))).toEqual([]);
  expect(await find(named, 'tomatoes')).toEqual([]);
});

it('lets an agent remember on behalf of its person, and read what both may', async () => {
  const owner = await newOrganization();
  const { id: agentId } = await eventually(
    'the assistant',
    async () => (await owner.api.get<{ data: { id: string }[] }>('/v1/agents')).data[0],
  );
  const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'agent', agentId });
  const { key: narrow } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'narrow', agentId, scopes: ['search:read'] });
  const agent = { api: new Api(key, owner.api.baseUrl) };
  await add(owner, 'Only Olivia knows of the tomatoes');

  const memory = await add(agent, 'The agent saw tomatoes');

  expect(memory).toMatchObject({
    access: { level: 'private' },
    ownerId: owner.user.id,
    createdBy: { kind: 'agent', id: agentId, onBehalfOf: owner.user.id },
    source: { kind: 'agent', id: agentId },
  });
  expect(await find(agent, 'tomatoes')).toHaveLength(2);
  expect(contents(await find(owner, 'agent'))).toEqual([memory.content]);
  expect(await new Api(narrow, owner.api.baseUrl).refused(403, 'GET', '/v1/memories')).toMatchObject({ code: 'auth.permission_missing' });
});

it('keeps private what a tool is told to remember without saying for whom', async () => {
  const owner = await newOrganization();
  const { namespaceId } = await add(owner, 'The first one');
  await owner.api.patch(`/v1/namespaces/${namespaceId}`, { access: 'organization' });
  const mcp = await McpCaller.connect(owner.api);
  const tell = async (content: string, more: object = {}) =>
    (await mcp.call<{ memory: Memory }>('memory_add', { content, ...more })).memory.access.level;

  expect(await tell('Said to a tool')).toBe('private');
  expect(await tell('Said for all', { access: 'organization' })).toBe('organization');
  expect(await tell('Said for the namespace', { namespace: 'default' })).toBe('organization');
  expect((await add(owner, 'Said by hand')).access.level).toBe('organization');
  await mcp.close();
});

it('keeps namespaces apart, and makes nothing of those that one cannot see', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const secret = await owner.api.post<Namespace>('/v1/namespaces', { name: 'Secret plans' });
  const shared = await owner.api.post<Namespace>('/v1/namespaces', { name: 'Garden', access: 'organization', description: 'What grows' });
  await add(owner, 'roses in secret', { namespace: 'secret plans' });
  const roses = await add(owner, 'roses by the gate', { namespace: 'garden' });

  expect(roses).toMatchObject({ namespace: 'Garden', namespaceId: shared.id, access: { level: 'organization' } });
  expect(contents(await find(member, 'roses'))).toEqual([roses.content]);
  expect(contents(await find(member, 'roses', { namespaces: ['garden', 'secret plans'] }))).toEqual([roses.content]);
  for (const name of ['secret plans', 'no such plans']) {
    expect(await find(member, 'roses', { namespaces: [name] })).toEqual([]);
    expect(await list(member, { namespace: name })).toEqual([]);
    const own = await add(member, `roses of ${name}`, { namespace: name });
    expect(own).toMatchObject({ namespace: name, access: { level: 'private' }, ownerId: member.user.id });
    expect(own.namespaceId).not.toBe(secret.id);
  }
  for (const call of ['GET', 'PATCH', 'DELETE'] as const)
    expect(
      await member.api.refused(404, call, `/v1/namespaces/${secret.id}`, call === 'PATCH' ? { body: { name: 'x' } } : {}),
    ).toMatchObject({
      code: 'memory.namespace_not_found',
    });
  expect(await owner.api.refused(409, 'POST', '/v1/namespaces', { body: { name: 'GARDEN' } })).toMatchObject({
    code: 'memory.namespace_name_taken',
  });
  expect(await owner.api.refused(409, 'DELETE', `/v1/namespaces/${shared.id}`)).toMatchObject({ code: 'memory.namespace_not_empty' });

  await owner.api.patch(`/v1/namespaces/${shared.id}`, { access: 'private' });

  expect(await find(member, 'gate')).toEqual([]);
  expect(contents(await find(owner, 'gate'))).toEqual([roses.content]);
  await owner.api.delete(`/v1/memories/${roses.id}`);
  await owner.api.delete(`/v1/namespaces/${shared.id}`);
  const names = (await owner.api.get<z.infer<typeof NamespacePage>>('/v1/namespaces')).data.map(({ name }) => name);
  expect(names).toEqual(['Secret plans']);
});

it('leaves nothing open of a namespace that is narrowed, and everyone what is theirs', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const other = await newColleague(owner);
  const named = (...people: Person[]) => ({ level: 'shared', grants: people.map(({ user }) => ({ kind: 'user', id: user.id })) });
  const space = await owner.api.post<Namespace>('/v1/namespaces', { name: 'Orchard', access: 'organization' });
  const pears = await add(owner, 'Pears by the wall', { namespace: 'orchard' });
  const own = await add(owner, 'Pears by the wall', { namespace: 'orchard', access: 'private' });
  const plums = await add(member, 'Plums by the wall', { namespace: 'orchard' });

  await owner.api.patch(`/v1/namespaces/${space.id}`, { access: named(other) });

  expect(contents(await find(other, 'wall')).sort()).toEqual([pears.content, plums.content]);
  expect(contents(await find(member, 'wall'))).toEqual([plums.content]);

  await owner.api.patch(`/v1/namespaces/${space.id}`, { access: 'private' });

  expect(await find(other, 'wall')).toEqual([]);
  expect(contents(await find(owner, 'wall'))).toEqual([pears.content]);
  expect(await owner.api.get<Memory>(`/v1/memories/${pears.id}`)).toMatchObject({ supersededBy: own.id, access: { level: 'private' } });
  expect(await member.api.get<Memory>(`/v1/memories/${plums.id}`)).toMatchObject({ access: { level: 'private' } });
  for (const one of [other, owner]) await one.api.refused(404, 'GET', `/v1/memories/${plums.id}`);

  await member.api.delete(`/v1/memories/${plums.id}`);
  for (const { id } of [pears, own]) await owner.api.delete(`/v1/memories/${id}`);
  await owner.api.delete(`/v1/namespaces/${space.id}`);
});

it('leaves a team what is the team’s, and who leaves it what is their own', async () => {
  const olivia = await newOrganization();
  const [ben, carla, dora] = [await newColleague(olivia), await newColleague(olivia), await newColleague(olivia)];
  const team = await olivia.api.post<Team>('/v1/teams', { name: 'Crew' });
  for (const { user } of [ben, carla]) await olivia.api.post(`/v1/teams/${team.id}/members`, { userId: user.id });
  const crew = { kind: 'team', id: team.id };
  await olivia.api.post('/v1/namespaces', { name: 'crew', access: { level: 'team', grants: [crew] } });
  await olivia.api.post('/v1/namespaces', {
    name: 'both',
    access: { level: 'shared', grants: [crew, { kind: 'user', id: dora.user.id }] },
  });
  const ofTeam = await add(ben, 'The anchor is rusty.', { namespace: 'crew' });
  const ofBen = await add(ben, 'The sail is torn.', { access: { level: 'team', grants: [crew] } });
  const ofCarla = await add(carla, 'The rudder is new.', { namespace: 'both' });
  const readers = async ({ id }: Memory, people: Person[]) =>
    (await Promise.all(people.map(async (one) => ((await one.api.call('GET', `/v1/memories/${id}`)).status === 200 ? [one] : [])))).flat();

  await olivia.api.delete(`/v1/teams/${team.id}/members/${ben.user.id}`);
  expect(await readers(ofTeam, [olivia, ben, carla])).toEqual([olivia, carla]);
  expect(await readers(ofBen, [olivia, ben, carla])).toEqual([ben, carla]);

  await olivia.api.delete(`/v1/teams/${team.id}`);
  await eventually(
    'the team is taken out',
    async () => (await olivia.api.get<Memory>(`/v1/memories/${ofCarla.id}`)).access.grants.length === 1,
  );
  expect(await readers(ofCarla, [olivia, ben, carla, dora])).toEqual([olivia, carla, dora]);

  await olivia.api.delete(`/v1/members/${dora.user.id}`);
  await eventually('nobody is named', async () => (await carla.api.get<Memory>(`/v1/memories/${ofCarla.id}`)).access.level === 'private');
  expect(await readers(ofCarla, [olivia, carla])).toEqual([carla]);
});

it('judges a memory that is given other readers as if they were told it now', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const slot = { subject: 'the office', predicate: 'is in' };
  const share = (who: Person, { id }: Memory) => who.api.patch<Memory>(`/v1/memories/${id}`, { access: 'organization' });
  await owner.api.post<Namespace>('/v1/namespaces', { name: 'facts', access: 'organization' });
  const at = { namespace: 'facts', access: 'private' };
  const kyiv = await add(owner, 'The office is in Kyiv', { ...slot, namespace: 'facts', validFrom: daysAgo(30) });
  const own = await add(owner, 'The office is in Lviv', { ...slot, ...at, validFrom: daysAgo(10) });
  const before = await add(owner, 'The office is in Odesa', {
    ...slot,
    ...at,
    access: { level: 'shared', grants: [{ kind: 'user', id: member.user.id }] },
    validFrom: daysAgo(20),
  });
  const theirs = await add(member, 'The office is in Dnipro', { ...slot, ...at });
  const love = await add(owner, 'We love the lift', { namespace: 'facts' });
  const hate = await add(owner, 'We hate the lift', at);

  const lviv = await share(owner, own);
  const odesa = await share(owner, before);
  const dnipro = await share(member, theirs);
  await share(owner, hate);

  expect(await owner.api.get<Memory>(`/v1/memories/${kyiv.id}`)).toMatchObject({ supersededBy: odesa.id, validTo: odesa.validFrom });
  expect(odesa).toMatchObject({ supersededBy: lviv.id, validTo: lviv.validFrom });
  expect([lviv.validTo, dnipro.validTo]).toEqual([null, null]);
  expect((await reviews(owner)).map(({ reason, proposed, existing }) => [reason, proposed.id, existing.id]).sort()).toEqual(
    [
      ['someone_elses', dnipro.id, lviv.id],
      ['similar_words', love.id, hate.id],
    ].sort(),
  );
});

it('knows a conflict between what all may read and what fewer do, and tells nobody of it who may not read both', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const slot = { subject: 'the server room', predicate: 'is on', namespace: 'house' };
  await owner.api.post<Namespace>('/v1/namespaces', { name: 'house', access: 'organization' });
  const open = { ...slot, access: 'organization' };
  const third = await add(owner, 'The server room is on the third floor', { ...open, validFrom: daysAgo(9) });

  const own = await add(member, 'The server room is on the fourth floor', { ...slot, access: 'private' });
  const [review] = await reviews(member);
  const pairs = async (by: Person) => (await reviews(by)).map(({ proposed, existing }) => [proposed.id, existing.id]);

  expect([third.supersededBy, own.supersededBy]).toEqual([null, null]);
  expect(review).toMatchObject({ reason: 'other_readers', proposed: { id: third.id }, existing: { id: own.id } });
  expect(await reviews(owner)).toEqual([]);
  expect((await history(owner, third)).map(({ kind }) => kind)).toEqual(['added']);
  expect((await history(member, own)).map(({ kind }) => kind)).toEqual(['added', 'review_opened']);
  const { data: heard } = await owner.api.get<{ data: LiveEvent[] }>('/v1/events', { after: 0, limit: 200 });
  expect(JSON.stringify(heard)).not.toContain(own.id);
  await owner.api.refused(404, 'GET', `/v1/memory-reviews/${review?.id}`);

  const fifth = await add(owner, 'The server room is on the fifth floor', open);
  await member.api.post(`/v1/memory-reviews/${review?.id}/accept`);
  expect(await member.api.get<Memory>(`/v1/memories/${own.id}`)).toMatchObject({ validTo: null });
  expect(await owner.api.get<Memory>(`/v1/memories/${third.id}`)).toMatchObject({ supersededBy: fifth.id });

  const sixth = await add(member, 'The server room is on the sixth floor', open);
  expect(await pairs(member)).toEqual([
    [sixth.id, own.id],
    [sixth.id, fifth.id],
  ]);
  await member.api.post(`/v1/memory-reviews/${(await reviews(member))[0]?.id}/accept`);
  expect(await member.api.get<Memory>(`/v1/memories/${own.id}`)).toMatchObject({ supersededBy: sixth.id });
  expect((await list(owner, { subject: slot.subject })).map(({ id }) => id)).toEqual([sixth.id, fifth.id]);
});

it('doubts free texts that are told at the same moment too', async () => {
  const owner = await newOrganization();
  await add(owner, 'The first note');
  const texts = ['I love rainy days', 'I hate rainy days'];

  const [love, hate] = await Promise.all(texts.map((text) => add(owner, text)));
  await owner.api.ok('POST', '/v1/memories/batch', { body: { memories: [{ content: 'Tea is good' }, { content: 'Tea is not good' }] } });

  const pairs = (await reviews(owner)).map(({ proposed, existing }) => contents([proposed, existing]).sort());
  expect(pairs.sort()).toEqual([contents([love, hate].flatMap((one) => one ?? [])).sort(), ['Tea is good', 'Tea is not good']].sort());
});

it('counts a hundred that differ by their number, and asks about one of them at most', async () => {
  const owner = await newOrganization();
  const memories = Array.from({ length: 100 }, (_, at) => ({ content: `Order number ${at} is on the shelf` }));

  await owner.api.post('/v1/memories/batch', { memories });

  expect(await reviews(owner)).toHaveLength(1);
}, 120_000);

it('takes times with an offset', async () => {
  const owner = await newOrganization();
  const memory = await add(owner, 'The shop is closed', { validFrom: '2026-01-02T00:30:00+02:00' });

  expect(memory.validFrom).toBe('2026-01-01T22:30:00.000Z');
  expect(contents(await find(owner, 'the shop', { asOf: '2026-01-02T00:31:00+02:00' }))).toEqual(['The shop is closed']);
  expect(contents(await find(owner, 'the shop', { asOf: '2026-01-02T00:29:00+02:00' }))).toEqual([]);
  const late = { body: { content: 'x', validFrom: '9999-12-31T23:59:59-05:00' } };
  expect(await owner.api.refused(400, 'POST', '/v1/memories', late)).toMatchObject({ errors: [{ pointer: '/validFrom' }] });
});

it('corrects in place, and keeps the text before in the history', async () => {
  const owner = await newOrganization();
  const memory = await add(owner, 'The gate is gren', { tags: ['gate'] });
  const stale = { 'if-match': '"old"' };
  expect(await owner.api.refused(412, 'PATCH', `/v1/memories/${memory.id}`, { body: { content: 'x' }, headers: stale })).toMatchObject({
    code: 'request.precondition_failed',
  });

  const corrected = await owner.api.patch<Memory>(`/v1/memories/${memory.id}`, { content: 'The gate is green', tags: ['gate', 'colour'] });

  expect(corrected).toMatchObject({ id: memory.id, content: 'The gate is green', tags: ['gate', 'colour'] });
  expect(contents(await find(owner, 'green gate', { tags: ['colour'] }))).toEqual([corrected.content]);
  expect(await find(owner, 'gren')).toEqual([]);
  expect((await history(owner, memory)).map(({ kind, content }) => [kind, content])).toEqual([
    ['added', 'The gate is gren'],
    ['changed', 'The gate is green'],
  ]);
  await add(owner, 'The gate is blue');
  expect(await owner.api.refused(409, 'PATCH', `/v1/memories/${memory.id}`, { body: { content: 'the gate is BLUE' } })).toMatchObject({
    code: 'memory.duplicate',
  });
});

it('forgets all of it, and what was retired stays so', async () => {
  const owner = await newOrganization();
  const slot = { subject: 'the code of the door', predicate: 'is', access: 'organization' };
  const old = await add(owner, 'xyzzy1', slot);
  const wrong = await add(owner, 'xyzzy2', slot);

  await owner.api.delete(`/v1/memories/${wrong.id}`);

  expect(await find(owner, 'xyzzy1 xyzzy2')).toEqual([]);
  expect(await owner.api.get<Memory>(`/v1/memories/${old.id}`)).toMatchObject({ validTo: wrong.validFrom, supersededBy: null });
  expect(await owner.api.refused(404, 'GET', `/v1/memories/${wrong.id}/history`)).toMatchObject({ code: 'memory.not_found' });
  const events = await owner.api.call('GET', '/v1/events?after=0&limit=500', { headers: { accept: 'application/json' } });
  const audit = await owner.api.get<z.infer<typeof AuditPage>>('/v1/audit', { subjectId: wrong.id });
  expect(JSON.stringify([events.body, audit, await history(owner, old)])).not.toContain('xyzzy2');
  expect(audit.data.map(({ type }) => type)).toEqual(['memory.forgotten', 'memory.added']);
});

it('takes many at once, all or none', async () => {
  const owner = await newOrganization();
  const batch = (memories: object[]) => ({ body: { memories } });
  const slot = { subject: 'the gate', predicate: 'has the colour' };

  const { data } = await owner.api.ok<AddedMemories>(
    'POST',
    '/v1/memories/batch',
    batch([
      { content: 'green', ...slot },
      { content: 'blue', ...slot },
      { content: 'Blue.', ...slot },
      { content: 'a bench', namespace: 'garden' },
    ]),
  );
  const refused = await owner.api.refused(
    400,
    'POST',
    '/v1/memories/batch',
    batch([{ content: 'never stored' }, { content: 'expired', expiresAt: daysAgo(1) }]),
  );

  expect(data.map(({ outcome }) => outcome)).toEqual(['added', 'superseded', 'confirmed', 'added']);
  expect(refused).toMatchObject({ code: 'memory.already_expired', errors: [{ pointer: '/memories/1/expiresAt' }] });
  expect(contents(await list(owner)).sort()).toEqual(['a bench', 'blue']);
});

it('refuses what is too large, has expired or has not the documented form', async () => {
  const owner = await newOrganization();
  const refused = (status: number, body: object) => owner.api.refused(status, 'POST', '/v1/memories', { body });

  expect(await refused(400, { content: 'x', expiresAt: daysAgo(1) })).toMatchObject({
    code: 'memory.already_expired',
    errors: [{ pointer: '/expiresAt' }],
  });
  expect(await refused(400, { content: 'é'.repeat(8_193) })).toMatchObject({ code: 'request.invalid', errors: [{ pointer: '/content' }] });
  expect((await owner.api.call('POST', '/v1/memories', { body: { content: 'x'.repeat(2 ** 20) } })).status).toBeLessThan(500);
  for (const body of [
    {},
    { content: ' ' },
    { content: 'x', orgId: 'y' },
    { content: 'x', confidence: 2 },
    { content: 'x', access: 'secret' },
  ])
    expect(await refused(400, body)).toMatchObject({ code: 'request.invalid' });
  expect(await list(owner)).toEqual([]);
});
