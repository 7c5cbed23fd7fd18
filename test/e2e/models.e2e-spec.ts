import type {
  Agent,
  AgentVersion,
  AuditRow,
  ChatCompletion,
  Document,
  Message,
  ModelBudget,
  ModelProvider,
  ModelProviderTest,
  ModelUsage,
  Page,
  Problem,
} from '@atrium/contracts';
import { newAgent, runEnded, startRun } from '../lib/agents.js';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { type FakeModel, startFakeModel } from '../lib/fake-model.js';
import { newBudget, newProvider, PRICED, usageOf } from '../lib/models.js';
import { withClient } from '../lib/row-security.js';
import { testRun } from '../lib/run.js';

const KEY = 'sk-0123456789-abcdefghij-wxyz';
const say = (text: string, prompt_tokens = 10, completion_tokens = 5) =>
  ({ kind: 'text', text, usage: { prompt_tokens, completion_tokens } }) as const;

let first: FakeModel;
let second: FakeModel;
let owner: Person;
let member: Person;
beforeAll(async () => {
  first = await startFakeModel();
  second = await startFakeModel();
});
afterAll(() => Promise.all([first.stop(), second.stop()]));
beforeEach(async () => {
  first.reset();
  second.reset();
  owner = await newOrganization('Models');
  member = await newColleague(owner);
});

const run = async (person: Person, agent: Pick<Agent, 'id'>) => runEnded(person, await startRun(person, agent));
const asked = (fake: FakeModel) => fake.requests.filter(({ method }) => method === 'POST').length;

describe('model providers', () => {
  it('keeps keys encrypted, shows their end only, and lets administrators alone see and change providers', async () => {
    const provider = await newProvider(owner, first, { name: 'One', apiKey: KEY });
    const next = await newProvider(owner, second, { name: 'Two' });
    expect(provider).toMatchObject({ keyHint: 'wxyz', enabled: true, position: 0, models: [PRICED] });
    expect(next).toMatchObject({ keyHint: null, position: 1 });
    expect((await owner.api.get<Page<ModelProvider>>('/v1/model-providers')).data).toEqual([provider, next]);
    for (const [method, path] of [
      ['GET', '/v1/model-providers'],
      ['GET', `/v1/model-providers/${provider.id}`],
      ['GET', '/v1/model-usage'],
      ['GET', '/v1/model-budgets'],
    ] as const)
      expect(await member.api.refused(403, method, path)).toMatchObject({ code: 'auth.permission_missing' });

    const at = `/v1/model-providers/${provider.id}`;
    const elsewhere = await owner.api.refused(400, 'PATCH', at, { body: { baseUrl: second.baseUrl } });
    expect(elsewhere).toMatchObject({ code: 'models.key_required' });
    expect(await owner.api.refused(409, 'PATCH', at, { body: { name: 'Two' } })).toMatchObject({ code: 'models.name_taken' });
    const changed = await owner.api.patch<ModelProvider>(at, { baseUrl: second.baseUrl, apiKey: null, enabled: false });
    expect(changed).toMatchObject({ baseUrl: second.baseUrl, keyHint: null, enabled: false });
    await owner.api.delete(`/v1/model-providers/${next.id}`);

    const { data } = await owner.api.get<Page<AuditRow>>('/v1/audit', { limit: 200 });
    const told = data.filter(({ type }) => type.startsWith('models.'));
    expect(told.map(({ type }) => type).sort()).toEqual([
      'models.provider_changed',
      'models.provider_created',
      'models.provider_created',
      'models.provider_removed',
    ]);
    expect(JSON.stringify([provider, changed, data])).not.toContain(KEY.slice(0, 12));
    const stored = await withClient(testRun().database.ownerUrl, (client) =>
      client.query<{ row: string }>('SELECT e::text AS row FROM events e WHERE org_id = $1', [owner.organization.id]),
    );
    expect(JSON.stringify(stored.rows)).not.toContain(KEY.slice(0, 12));
  });

  it('tests a provider by a real call, and says in words what is wrong', async () => {
    const provider = await newProvider(owner, first, { name: 'One', apiKey: KEY, enabled: false });
    const test = (id: string, body: object = {}) => owner.api.post<ModelProviderTest>(`/v1/model-providers/${id}/test`, body);
    expect(await test(provider.id)).toMatchObject({ model: 'fake', failure: null });
    expect(first.requests.at(-1)).toMatchObject({ headers: { authorization: `Bearer ${KEY}` }, body: { model: 'fake', max_tokens: 16 } });
    first.script({ kind: 'status', status: 401, code: 'invalid_api_key' }, { kind: 'status', status: 404 }, { kind: 'notHttp' });
    const failures = [(await test(provider.id)).failure, (await test(provider.id)).failure, (await test(provider.id)).failure];
    expect(failures).toEqual([
      {
        code: 'ai.rejected',
        message: 'The model provider One refused the key (401 invalid_api_key): an administrator has to give it another one.',
      },
      {
        code: 'ai.rejected',
        message: 'The model provider One refused the request (404 scripted): an administrator has to look at its address and models.',
      },
      { code: 'ai.malformed', message: 'The model provider One answered something that could not be understood.' },
    ]);
    const hidden = await newProvider(owner, { baseUrl: 'http://10.0.0.1/v1' }, { name: 'Hidden' });
    const named = await newProvider(owner, { baseUrl: 'http://localhost/v1' }, { name: 'Named' });
    for (const { id } of [hidden, named]) expect((await test(id)).failure?.message).toMatch(/address that may not be called from here/);
    const none = await owner.api.refused(400, 'POST', `/v1/model-providers/${provider.id}/test`, { body: { model: 'none' } });
    expect(none.code).toBe('models.not_served');
    expect(await usageOf(owner, 'provider')).toMatchObject([{ key: 'One', calls: 1 }]);
  });

  it('follows no redirect with the key', async () => {
    const provider = await newProvider(owner, { baseUrl: `${testRun().baseUrl}/docs/..` }, { name: 'Elsewhere', apiKey: KEY });
    const { failure } = await owner.api.post<ModelProviderTest>(`/v1/model-providers/${provider.id}/test`);
    expect(failure?.code).toBe('ai.rejected');
  });
});

describe('the order of providers', () => {
  it('asks the first that has the model, and the next while one is ill; the trace says who answered at what price', async () => {
    await newProvider(owner, first, { name: 'One' });
    await newProvider(owner, second, { name: 'Two', models: [PRICED, { name: 'other', inputMicros: 0, outputMicros: 10_000_000 }] });
    const agent = await newAgent(owner, { model: 'fake' });
    const other = await newAgent(owner, { model: 'other' });
    first.script(say('From one.'));
    const healthy = await run(member, agent);
    expect(healthy).toMatchObject({ status: 'succeeded', output: 'From one.', costMicros: 20 });
    expect(healthy.steps[0]).toMatchObject({ provider: 'One', model: 'fake', inputTokens: 10, outputTokens: 5, costMicros: 20 });

    first.always({ kind: 'status', status: 429 });
    second.always(say('From two.'));
    expect((await run(member, agent)).steps[0]).toMatchObject({ provider: 'Two', model: 'fake', text: 'From two.' });
    expect((await run(member, other)).steps[0]).toMatchObject({ provider: 'Two', model: 'other', costMicros: 50 });
    expect(asked(second)).toBe(2);

    first.always({ kind: 'status', status: 401 });
    const refused = await run(member, agent);
    expect(refused).toMatchObject({ status: 'failed', failure: { code: 'ai.rejected' } });
    expect(refused.failure?.message).toContain('The model provider One refused the key (401');
    const nowhere = await run(member, await newAgent(owner, { model: 'nowhere' }));
    expect(nowhere.failure?.code).toBe('models.not_served');
    expect(asked(second)).toBe(2);
  });

  it('passes over a provider whose key cannot be read, and says that it has to be entered again', async () => {
    const provider = await newProvider(owner, first, { name: 'One', apiKey: KEY });
    const next = await newProvider(owner, second, { name: 'Two' });
    expect(provider.failure).toBeNull();
    await withClient(testRun().database.ownerUrl, (client) =>
      client.query(`UPDATE model_providers SET api_key = sha512('another key') WHERE id = $1`, [provider.id]),
    );
    second.always(say('From two.'));
    const agent = await newAgent(owner);

    expect(await run(member, agent)).toMatchObject({ status: 'succeeded', output: 'From two.' });
    const at = `/v1/model-providers/${provider.id}`;
    const seen = await owner.api.get<ModelProvider>(at);
    expect(seen.failure).toEqual({
      code: 'models.key_unreadable',
      message: expect.stringMatching(/^The key of the model provider One cannot be read.*has to enter it again\.$/) as string,
    });
    expect((await owner.api.get<Page<ModelProvider>>('/v1/model-providers')).data).toEqual([seen, next]);
    expect((await owner.api.post<ModelProviderTest>(`${at}/test`)).failure).toEqual(seen.failure);
    await owner.api.delete(`/v1/model-providers/${next.id}`);
    expect((await run(member, agent)).failure).toEqual(seen.failure);
    expect(asked(first)).toBe(0);

    expect(await owner.api.patch<ModelProvider>(at, { apiKey: KEY })).toMatchObject({ failure: null, keyHint: 'wxyz' });
    first.script(say('From one.'));
    expect(await run(member, agent)).toMatchObject({ status: 'succeeded', output: 'From one.' });
  });

  it('does not let a broken provider of one organization be felt in another', async () => {
    const other = await newOrganization('Others');
    for (const person of [owner, other]) await newProvider(person, first, { name: 'One' });
    first.always({ kind: 'status', status: 500 });
    const agent = await newAgent(owner);
    for (let time = 0; time < 4; time++) expect((await run(owner, agent)).failure?.code).toBe('ai.unavailable');
    const before = asked(first);
    expect(before).toBeLessThan(8);
    first.always(say('Well again.'));
    expect((await run(owner, agent)).failure?.message).toBe('The model provider One cannot be reached at the moment; try again later.');
    expect(asked(first)).toBe(before);
    expect(await run(other, await newAgent(other))).toMatchObject({ status: 'succeeded', output: 'Well again.' });
    expect(await usageOf(owner, 'provider')).toEqual([]);
  });

  it('gives the assistant and the door for OpenAI clients the same models', async () => {
    const channel = await owner.api.post<{ id: string }>('/v1/channels', { name: 'plans' });
    const { id } = await owner.api.post<Document>('/v1/documents', { title: 'Holidays', text: 'Everybody has thirty days of holidays.' });
    await eventually('the document is ready', async () => (await owner.api.get<Document>(`/v1/documents/${id}`)).status === 'ready');
    await newProvider(owner, first, { name: 'One' });
    await owner.api.post(`/v1/channels/${channel.id}/messages`, { body: '@assistant how many days of holidays?' });
    const answer = await eventually('the answer', async () => {
      const { data } = await owner.api.get<Page<Message>>(`/v1/channels/${channel.id}/messages`);
      const reply = data.find(({ author }) => author.kind === 'agent') ?? (await replyIn(owner, data[0]));
      return reply?.status === 'complete' && reply;
    });
    expect(answer.body).toContain('thirty days');
    const completion = await owner.api.post<ChatCompletion>('/openai/v1/chat/completions', {
      model: 'assistant',
      messages: [{ role: 'user', content: 'How many days of holidays?' }],
    });
    expect(completion.choices[0]?.message.content).toContain('thirty days');
    expect(asked(first)).toBe(2);

    await newBudget(owner, { scope: 'person', subjectId: owner.user.id, tokens: 0 });
    const spent = await owner.api.refused(429, 'POST', '/openai/v1/chat/completions', {
      body: { model: 'assistant', messages: [{ role: 'user', content: 'How many days of holidays?' }] },
    });
    expect((spent as unknown as { error: Problem }).error.code).toBe('models.budget_exceeded');
    const stream = await owner.api.call<string>('POST', '/openai/v1/chat/completions', {
      body: { model: 'assistant', stream: true, messages: [{ role: 'user', content: 'How many days of holidays?' }] },
    });
    expect(stream.body).toContain('models.budget_exceeded');
    await owner.api.post(`/v1/channels/${channel.id}/messages`, { body: '@assistant how many days of holidays are there?' });
    const failed = await eventually('the failed answer', async () => {
      const { data } = await owner.api.get<Page<Message>>(`/v1/channels/${channel.id}/messages`);
      const reply = await replyIn(
        owner,
        data.find(({ body }) => body.endsWith('are there?')),
      );
      return reply?.status === 'failed' && reply;
    });
    expect(failed.body).toMatch(/^What models may cost for you this month is spent\..*quotes from what I found/s);
    expect(asked(first)).toBe(2);
  });
});

async function replyIn({ api }: Person, question: Message | undefined): Promise<Message | undefined> {
  if (!question) return undefined;
  const { data } = await api.get<Page<Message>>(`/v1/messages/${question.id}/thread`);
  return data.find(({ author }) => author.kind === 'agent');
}

describe('budgets', () => {
  it('stops an agent, a person or everybody when a month is spent, tells administrators at 80 and 100 percent, and goes on when raised', async () => {
    await newProvider(owner, first, { name: 'One' });
    first.always(say('Done.'));
    const [agent, other] = [await newAgent(owner), await newAgent(owner)];
    // One run costs 20 micro-dollars.
    const budget = await newBudget(owner, { scope: 'agent', subjectId: agent.id, costMicros: 25 });
    expect(budget).toMatchObject({ costMicros: 25, tokens: null, spent: { costMicros: 0, tokens: 0 } });
    expect(await run(member, agent)).toMatchObject({ status: 'succeeded' });
    const at80 = await told(owner);
    expect(at80).toMatchObject([{ data: { budgetId: budget.id, percent: 80, spent: { costMicros: 20, tokens: 15 } } }]);
    expect(await run(member, agent)).toMatchObject({ status: 'succeeded' });
    expect((await told(owner)).map(({ data }) => data['percent'])).toEqual([80, 100]);
    const stopped = await run(member, agent);
    expect(stopped.failure).toMatchObject({ code: 'models.budget_exceeded' });
    const body = { model: agent.name, messages: [{ role: 'user', content: 'Do it.' }] };
    const refused = await member.api.refused(429, 'POST', '/openai/v1/chat/completions', { body });
    expect(refused).toMatchObject({ error: { code: 'models.budget_exceeded', message: stopped.failure?.message } });
    expect(stopped.failure?.message).toMatch(/^What models may cost for this agent this month is spent\. An administrator can raise/);
    expect(await run(member, other)).toMatchObject({ status: 'succeeded' });

    const raised = await owner.api.patch<ModelBudget>(`/v1/model-budgets/${budget.id}`, { costMicros: 100 });
    expect(raised).toMatchObject({ costMicros: 100, spent: { costMicros: 40, tokens: 30 } });
    expect(await run(member, agent)).toMatchObject({ status: 'succeeded' });
    await newBudget(owner, { scope: 'person', subjectId: member.user.id, tokens: 1 });
    expect((await run(member, other)).failure?.message).toMatch(/for you this month is spent/);
    expect(await run(owner, other)).toMatchObject({ status: 'succeeded' });
    await newBudget(owner, { scope: 'organization', costMicros: 1 });
    expect((await run(owner, other)).failure?.message).toMatch(/the organization this month is spent/);
    expect((await told(owner)).map(({ data }) => [data['scope'], data['percent']])).toEqual([
      ['agent', 80],
      ['agent', 100],
      ['person', 100],
      ['organization', 100],
    ]);
  });

  it('holds for each person, and one of their own goes before', async () => {
    await newProvider(owner, first, { name: 'One' });
    first.always(say('Done.'));
    const agent = await newAgent(owner);
    // One run takes 15 tokens.
    const each = await newBudget(owner, { scope: 'each_person', tokens: 20 });
    expect(each).toMatchObject({ scope: 'each_person', subjectId: null, tokens: 20, spent: null });
    for (const person of [member, member, owner]) expect((await run(person, agent)).status).toBe('succeeded');
    expect((await run(member, agent)).failure?.message).toMatch(/^What models may cost for you this month is spent/);

    const own = await newBudget(owner, { scope: 'person', subjectId: member.user.id, tokens: 200 });
    expect(own.spent).toMatchObject({ tokens: 30 });
    expect((await run(member, agent)).status).toBe('succeeded');
    await owner.api.delete(`/v1/model-budgets/${own.id}`);
    expect((await run(member, agent)).failure?.code).toBe('models.budget_exceeded');
    const lowered = await owner.api.patch<ModelBudget>(`/v1/model-budgets/${each.id}`, { tokens: 15 });
    expect(lowered).toMatchObject({ tokens: 15, spent: null });
    expect((await owner.api.get<Page<ModelBudget>>('/v1/model-budgets')).data).toEqual([lowered]);

    const heard = (await told(owner)).map(({ data }) => [data['scope'], data['personId'], data['percent'], data['spent']]);
    const [mine, theirs] = [owner.user.id, member.user.id];
    expect(heard.slice(0, 1)).toEqual([['each_person', theirs, 100, { costMicros: 40, tokens: 30 }]]);
    expect(new Set(heard.slice(1).map(([, person]) => person))).toEqual(new Set([mine, theirs]));
    expect(heard).toHaveLength(3);
  });

  it('lets calls at once pass a budget by one call at most', async () => {
    await newProvider(owner, first, { name: 'One' });
    first.always({ ...say('Done.'), chunkChars: 1, delayMs: 100 });
    const agent = await newAgent(owner);
    await newBudget(owner, { scope: 'organization', tokens: 15 });
    const runs = await Promise.all(Array.from({ length: 8 }, async () => runEnded(owner, await startRun(owner, agent))));
    expect(runs.filter(({ status }) => status === 'succeeded')).toHaveLength(1);
    expect(asked(first)).toBe(1);
  });

  it('refuses what is no budget', async () => {
    const agent = await newAgent(owner);
    const budget = { scope: 'agent', subjectId: agent.id, tokens: 5 };
    const { id } = await newBudget(owner, budget);
    const refusals: [string, string, object, number, string][] = [
      ['POST', '', budget, 409, 'models.budget_exists'],
      ['POST', '', { ...budget, subjectId: owner.user.id }, 404, 'models.subject_not_found'],
      ['POST', '', { ...budget, scope: 'person' }, 404, 'models.subject_not_found'],
      ['POST', '', { scope: 'agent', tokens: 5 }, 400, 'request.invalid'],
      ['POST', '', { scope: 'organization' }, 400, 'request.invalid'],
      ['POST', '', { scope: 'each_person', subjectId: owner.user.id, tokens: 5 }, 400, 'request.invalid'],
      ['PATCH', `/${id}`, { tokens: null }, 400, 'request.invalid'],
    ];
    for (const [method, path, body, status, code] of refusals)
      expect((await owner.api.refused(status, method, `/v1/model-budgets${path}`, { body })).code).toBe(code);
  });

  it('counts by day, agent, person, provider and model; a person sees what was done for them', async () => {
    await newProvider(owner, first, { name: 'One' });
    first.always(say('Done.', 1_000, 10));
    const agent = await newAgent(owner);
    for (const person of [owner, member]) await run(person, agent);
    const today = new Date().toISOString().slice(0, 10);
    const all = { calls: 2, estimatedCalls: 0, inputTokens: 2_000, outputTokens: 20, costMicros: 2_040 };
    const half = { calls: 1, estimatedCalls: 0, inputTokens: 1_000, outputTokens: 10, costMicros: 1_020 };
    expect(await usageOf(owner, 'day')).toEqual([{ key: today, ...all }]);
    expect(await usageOf(owner, 'agent')).toEqual([{ key: agent.id, ...all }]);
    expect(await usageOf(owner, 'provider')).toEqual([{ key: 'One', ...all }]);
    expect(await usageOf(owner, 'model')).toEqual([{ key: 'fake', ...all }]);
    const people = [owner.user.id, member.user.id].sort().map((key) => ({ key, ...half }));
    expect(await usageOf(owner, 'person')).toEqual(people);
    const page = await owner.api.get<Page<ModelUsage>>('/v1/model-usage', { by: 'person', limit: 1 });
    const rest = await owner.api.get<Page<ModelUsage>>('/v1/model-usage', { by: 'person', limit: 1, cursor: page.nextCursor ?? '' });
    expect([...page.data, ...rest.data]).toEqual(people);
    expect((await member.api.get<Page<ModelUsage>>('/v1/me/model-usage')).data).toEqual([{ key: today, ...half }]);
    expect((await owner.api.get<Page<ModelUsage>>('/v1/model-usage', { from: '2020-01-01', to: '2020-12-31' })).data).toEqual([]);
    for (const query of [{ from: '2024-01-01', to: '2025-12-31' }, { from: '2025-01-02', to: '2025-01-01' }, { from: '0000-01-01' }])
      expect((await owner.api.refused(400, 'GET', '/v1/model-usage', { query })).code).toBe('request.invalid');
  });

  it('ends a run that has cost as much as it may', async () => {
    await newProvider(owner, first, { name: 'One' });
    first.always({
      kind: 'call',
      calls: [{ tool: 'task_create', arguments: { title: 'Order' } }],
      usage: { prompt_tokens: 10, completion_tokens: 5 },
    });
    const agent = await newAgent(owner, { tools: ['task_create'], limits: { costMicros: 30 } });
    const ended = await run(member, agent);
    expect(ended).toMatchObject({ status: 'failed', failure: { code: 'agents.cost_spent' }, costMicros: 40 });
    const { data } = await member.api.get<Page<AgentVersion>>(`/v1/agents/${agent.id}/versions`);
    expect(data[0]?.limits.costMicros).toBe(30);
  });
});

const told = async ({ api }: Person) => {
  const { data } = await api.get<Page<AuditRow>>('/v1/audit', { type: 'models.budget_reached', limit: 200 });
  return data.sort((a, b) => a.seq - b.seq);
};
