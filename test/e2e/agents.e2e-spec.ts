import { randomUUID } from 'node:crypto';
import type {
  Agent,
  AgentFile,
  AgentImport,
  AgentRunSummary,
  AgentVersion,
  Approval,
  AuditRow,
  Channel,
  CreatedApiKey,
  Document,
  Memory,
  Message,
  Page,
  Pattern,
  Problem,
  SearchResult,
  Task,
  Unread,
  Workflow,
  WorkflowRun,
} from '@atrium/contracts';
import { type AgentGround, approvalOf, newAgent, newAgentGround, readRun, runEnded, runWaits, startRun, toolSteps } from '../lib/agents.js';
import { Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import type { FakeCompletionRequest } from '../lib/fake-model.js';
import { LiveClient } from '../lib/live-client.js';

let ground: AgentGround;
let owner: Person;
let member: Person;
beforeAll(async () => {
  ground = await newAgentGround();
  owner = await ground.newOrganization('Agents');
  member = await newColleague(owner);
}, 180_000);
afterAll(() => ground.stop());
beforeEach(() => {
  ground.model.reset();
  ground.receiver.received.length = 0;
  ground.receiver.delayMs = 0;
});

const { call, say } = {
  call: (tool: string, args: unknown) => ({ kind: 'call' as const, calls: [{ tool, arguments: args }] }),
  say: (text: string) => ({ kind: 'text' as const, text }),
};
const post = (path: string) => ({ method: 'POST', url: `${ground.receiver.baseUrl}${path}` });

describe('the registry', () => {
  it('keeps versions that never change, and lets administrators only make agents', async () => {
    const agent = await newAgent(owner, { tools: ['task_create', 'search'], instructions: 'Be brief.', capabilities: ['tasks'] });
    const same = await owner.api.patch<Agent>(`/v1/agents/${agent.id}`, { instructions: 'Be brief.' });
    const next = await owner.api.patch<Agent>(`/v1/agents/${agent.id}`, { instructions: 'Be kind.', limits: { steps: 3 } });
    const { data: versions } = await member.api.get<Page<AgentVersion>>(`/v1/agents/${agent.id}/versions`);

    expect(agent).toMatchObject({ status: 'active', version: 1, displayName: agent.name, limits: { steps: 30, seconds: 300 } });
    expect(same).toEqual(agent);
    expect(next).toMatchObject({ version: 2, limits: { steps: 3, seconds: 300 } });
    const costly = await newAgent(owner, { limits: { tokens: 1_000, costMicros: 500 } });
    const fewer = await owner.api.patch<Agent>(`/v1/agents/${costly.id}`, { limits: { steps: 5 } });
    expect(fewer.limits).toEqual({ ...costly.limits, steps: 5 });
    expect(versions.map(({ number, instructions }) => [number, instructions])).toEqual([
      [2, 'Be kind.'],
      [1, 'Be brief.'],
    ]);
    expect(await member.api.refused(403, 'POST', '/v1/agents', { body: { name: 'mine' } })).toMatchObject({
      code: 'auth.permission_missing',
    });
    const refusals: [object, number, string][] = [
      [{ name: agent.name }, 409, 'agents.name_taken'],
      [{ name: 'assistant' }, 409, 'agents.name_taken'],
      [{ name: 'new', tools: ['nothing'] }, 400, 'agents.unknown_tool'],
      [{ name: 'new', withoutApproval: ['http_request'] }, 400, 'agents.unknown_tool'],
      [{ name: 'Not A Name' }, 400, 'request.invalid'],
    ];
    for (const [body, status, code] of refusals) expect((await owner.api.refused(status, 'POST', '/v1/agents', { body })).code).toBe(code);
  });

  it('pauses and retires agents, whose keys and runs end with it', async () => {
    const agent = await newAgent(owner);
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', agentId: agent.id });
    const itself = new Api(key, ground.baseUrl);
    expect((await itself.post<Agent>(`/v1/agents/${agent.id}/heartbeat`)).lastSeenAt).not.toBeNull();
    expect(await member.api.refused(403, 'POST', `/v1/agents/${agent.id}/heartbeat`)).toMatchObject({ code: 'agents.not_itself' });
    const socket = await LiveClient.connect(key, ground);
    await owner.api.patch(`/v1/agents/${agent.id}`, { status: 'paused' });
    expect((await socket.waitForClose(6_000)).code).toBe(4401);
    expect(await member.api.refused(409, 'POST', `/v1/agents/${agent.id}/runs`, { body: { prompt: 'x' } })).toMatchObject({
      code: 'agents.not_active',
    });
    await owner.api.delete(`/v1/agents/${agent.id}`);
    await owner.api.delete(`/v1/agents/${agent.id}`);
    const assistant = (await owner.api.get<Page<Agent>>('/v1/agents')).data.find(({ name }) => name === 'assistant');

    expect(await owner.api.get(`/v1/agents/${agent.id}`)).toMatchObject({ status: 'retired' });
    expect((await owner.api.refused(409, 'PATCH', `/v1/agents/${agent.id}`, { body: { status: 'active' } })).code).toBe('agents.retired');
    expect((await owner.api.refused(409, 'DELETE', `/v1/agents/${assistant?.id}`)).code).toBe('agents.built_in');
  });

  it('is brought in from a file and written to one, all or none', async () => {
    const admin = await newOrganization('Files');
    const file = {
      agents: [
        { name: 'buyer', displayName: 'Buyer', instructions: 'Compare prices.', tools: ['search', 'task_create'], limits: { steps: 5 } },
        { name: 'clerk', status: 'paused' },
      ],
    };
    const load = (body: object) => admin.api.post<AgentImport>('/v1/agents/import', body);

    expect(await load(file)).toEqual({ created: ['buyer', 'clerk'], changed: [], unchanged: [] });
    expect(await load(file)).toEqual({ created: [], changed: [], unchanged: ['buyer', 'clerk'] });
    const written = await admin.api.get<AgentFile>('/v1/agents/export');
    expect(written.agents).toMatchObject([
      { ...file.agents[0], limits: { steps: 5, seconds: 300 } },
      { name: 'clerk', status: 'paused' },
    ]);
    const other = await newOrganization('Other');
    expect(await other.api.post<AgentImport>('/v1/agents/import', written)).toMatchObject({ created: ['buyer', 'clerk'] });
    expect(await other.api.get<AgentFile>('/v1/agents/export')).toEqual(written);
    const [buyer, clerk] = written.agents;
    expect(await load({ agents: [{ ...buyer, instructions: 'Buy.' }] })).toEqual({ created: [], changed: ['buyer'], unchanged: [] });

    const wrong = {
      agents: [
        { ...clerk, status: 'active' },
        { name: 'new', tools: ['nothing'] },
      ],
    };
    expect(await admin.api.refused(400, 'POST', '/v1/agents/import', { body: wrong })).toMatchObject({
      code: 'agents.unknown_tool',
      errors: [{ pointer: '/agents/1/tools/0' }],
    });
    await admin.api.refused(400, 'POST', '/v1/agents/import', { body: { agents: [clerk, clerk] } });
    const { data: agents } = await admin.api.get<Page<Agent>>('/v1/agents');
    const { id } = agents.find(({ name }) => name === 'buyer') ?? { id: '' };
    await admin.api.delete(`/v1/agents/${id}`);
    const late = { agents: [{ ...clerk, status: 'active' }, buyer, { name: 'new' }].toReversed() };
    expect(await admin.api.refused(409, 'POST', '/v1/agents/import', { body: late })).toMatchObject({ code: 'agents.retired' });
    expect((await admin.api.get<AgentFile>('/v1/agents/export')).agents).toMatchObject([{ name: 'clerk', status: 'paused' }]);
    const helper = await newColleague(admin);
    await helper.api.refused(403, 'GET', '/v1/agents/export');
  });
});

describe('a run', () => {
  it('calls a tool in the name of the person, and keeps what it did', async () => {
    const agent = await newAgent(owner, { tools: ['task_create'] });
    ground.model.script(call('task_create', { title: 'Call Ben' }), say('I made the task.'));
    const live = await LiveClient.connect(member.accessToken, { baseUrl: ground.baseUrl });

    const started = await startRun(member, agent, 'Make a task.');
    const run = await runEnded(member, started);
    const tasks = await member.api.get<Page<Task>>('/v1/tasks');
    const { data: audit } = await owner.api.get<Page<AuditRow>>('/v1/audit', { limit: 200 });

    expect(started).toMatchObject({ status: 'pending', steps: [] });
    expect(run).toMatchObject({ status: 'succeeded', output: 'I made the task.', tainted: false, stepCount: 3, startedBy: member.user.id });
    expect(run.steps).toMatchObject([
      { kind: 'model', status: 'succeeded', calls: [{ tool: 'task_create', arguments: { title: 'Call Ben' } }], inputTokens: 10 },
      { kind: 'tool', status: 'succeeded', tool: 'task_create', arguments: { title: 'Call Ben' }, output: { title: 'Call Ben' } },
      { kind: 'model', status: 'succeeded', text: 'I made the task.' },
    ]);
    const via = { kind: 'agent_run', id: run.id };
    expect(tasks.data.filter(({ title }) => title === 'Call Ben')).toMatchObject([
      { createdBy: { kind: 'agent', id: agent.id, onBehalfOf: member.user.id, via } },
    ]);
    expect(audit.find(({ type }) => type === 'tasks.created')).toMatchObject({
      actor: { kind: 'agent', id: agent.id },
      onBehalfOf: member.user.id,
      via,
      requestId: `agent-run-${run.id}`,
    });
    expect(ground.model.requests[1]?.body?.messages.at(-1)).toMatchObject({ role: 'tool' });
    expect(ground.model.requests[0]?.body?.tools?.map(({ function: { name } }) => name)).toEqual(['task_create']);
    const heard = live.events.filter(({ type }) => type.startsWith('agents.')).map(({ type }) => type);
    expect(heard).toEqual(['agents.run_started', ...Array<string>(3).fill('agents.step_ended'), 'agents.run_succeeded']);
    const said = live.frames.filter((frame) => frame.type === 'live' && frame.kind === 'run_delta' && frame.runId === run.id);
    expect(said.map((frame) => (frame as { text: string }).text).join('')).toBe('I made the task.');
    await live.close();
  });

  it('has no right that the person, the agent or the grant of the run lacks', async () => {
    const guest = await newColleague(owner, 'guest');
    const agent = await newAgent(owner, { tools: ['task_create', 'search', 'member_list'] });
    ground.model.script(
      call('memory_add', { content: 'x' }),
      call('task_create', { title: 'Not granted' }),
      call('member_list', {}),
      say('Done.'),
    );

    const run = await runEnded(member, await startRun(member, agent, 'Try.', { tools: ['member_list'] }));

    expect(toolSteps(run).map(({ tool, status, failure }) => [tool, status, failure?.code ?? null])).toEqual([
      ['memory_add', 'failed', 'agents.tool_not_allowed'],
      ['task_create', 'failed', 'agents.tool_not_allowed'],
      ['member_list', 'succeeded', null],
    ]);
    expect((await guest.api.refused(403, 'POST', `/v1/agents/${agent.id}/runs`, { body: { prompt: 'x' } })).code).toBe(
      'auth.permission_missing',
    );
    const refused = await member.api.refused(400, 'POST', `/v1/agents/${agent.id}/runs`, {
      body: { prompt: 'x', tools: ['http_request'] },
    });
    expect(refused.code).toBe('agents.unknown_tool');
  });

  it('is seen by its person, and without its texts by administrators', async () => {
    const agent = await newAgent(owner);
    ground.model.script(say('Secret.'));
    const run = await runEnded(member, await startRun(member, agent, 'Say a secret.'));
    const colleague = await newColleague(owner);
    const stranger = await newOrganization('Strangers');

    for (const { api } of [colleague, stranger]) {
      for (const [method, path] of [
        ['GET', ''],
        ['POST', '/cancel'],
        ['POST', '/reconcile'],
      ] as const) {
        const body = path === '/reconcile' ? { step: 1, outcome: 'done' } : method === 'POST' ? {} : undefined;
        expect((await api.refused(404, method, `/v1/agent-runs/${run.id}${path}`, { body })).code).toBe('agents.run_not_found');
      }
      expect((await api.get<Page<object>>('/v1/agent-runs')).data).toEqual([]);
    }
    expect(await readRun(owner, run)).toEqual({
      ...run,
      prompt: '',
      output: null,
      steps: run.steps.map((step) => ({ ...step, text: null })),
    });
    expect((await stranger.api.refused(404, 'POST', `/v1/agents/${agent.id}/runs`, { body: { prompt: 'x' } })).code).toBe(
      'agents.not_found',
    );
  });

  it('ends when it is cancelled, in the middle of the model', async () => {
    const agent = await newAgent(owner);
    ground.model.script({ kind: 'silence', afterText: 'Let me think' });
    const run = await startRun(member, agent);
    await expectSoon(async () => ground.model.requests.length === 1);

    const cancelled = await member.api.post(`/v1/agent-runs/${run.id}/cancel`);
    await ground.model.requests[0]?.closed;

    expect(cancelled).toMatchObject({ status: 'cancelled', steps: [{ status: 'cancelled' }] });
    expect(await readRun(member, run)).toEqual(cancelled);
  });
});

async function expectSoon(is: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; !(await is());) {
    if (Date.now() > end) throw new Error('not within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('an approval', () => {
  it('is asked for before something leaves, holds for exactly that, and is used once', async () => {
    const agent = await newAgent(owner, { tools: ['http_request'] });
    const args = post('/orders');
    ground.model.script(call('http_request', args), say('Ordered.'));

    const run = await runWaits(member, await startRun(member, agent, 'Order.'));
    const approval = await approvalOf(member, run);
    expect(ground.receiver.received).toEqual([]);
    expect(approval).toMatchObject({
      kind: 'tool_call',
      arguments: { tool: 'http_request', arguments: args },
      assignees: [member.user.id],
    });
    await owner.api.refused(403, 'POST', `/v1/approvals/${approval.id}/approve`, { body: {} });
    await member.api.post(`/v1/approvals/${approval.id}/approve`);
    const ended = await runEnded(member, run);

    expect(ended).toMatchObject({ status: 'succeeded', output: 'Ordered.', tainted: true });
    expect(ground.receiver.received).toHaveLength(1);
    expect((await member.api.refused(409, 'POST', `/v1/approvals/${approval.id}/reject`, { body: {} })).code).toBe(
      'approvals.already_decided',
    );
  });

  it('does not give back a tool that was taken from the agent meanwhile', async () => {
    const agent = await newAgent(owner, { tools: ['http_request'] });
    ground.model.script(call('http_request', post('/orders')), say('Ordered.'));
    const run = await runWaits(member, await startRun(member, agent, 'Order.'));
    const { id } = await approvalOf(member, run);
    await owner.api.patch(`/v1/agents/${agent.id}`, { tools: [] });
    await member.api.post(`/v1/approvals/${id}/approve`);
    expect(await runEnded(member, run)).toMatchObject({ status: 'failed', failure: { code: 'agents.tool_not_allowed' } });
    expect(ground.receiver.received).toEqual([]);
  });

  it('that is refused or not given in time is told to the model', async () => {
    const agent = await newAgent(owner, { tools: ['http_request'], limits: { approvalSeconds: 2 } });
    ground.model.script(call('http_request', post('/a')), call('http_request', post('/b')), say('I could not.'));

    const run = await runWaits(member, await startRun(member, agent, 'Order.'));
    await member.api.post(`/v1/approvals/${(await approvalOf(member, run)).id}/reject`, { comment: 'Too dear.' });
    const ended = await runEnded(member, run);

    expect(toolSteps(ended)).toMatchObject([
      { status: 'refused', failure: { code: 'approvals.rejected', message: 'A person said no. They said: Too dear.' } },
      { status: 'refused', failure: { code: 'approvals.expired' } },
    ]);
    expect(ground.receiver.received).toEqual([]);
  });

  it('is needed again once the run has read what others wrote', async () => {
    const agent = await newAgent(owner, {
      tools: ['http_request', 'search', 'chat_channels', 'memory_add', 'task_create'],
      withoutApproval: ['http_request'],
    });
    ground.model.script(
      call('task_create', { title: 'Before' }),
      call('chat_channels', {}),
      call('memory_add', { content: 'Ben likes tea.' }),
      call('task_create', { title: 'After' }),
      say('Done.'),
    );
    const run = await runWaits(member, await startRun(member, agent));
    expect(toolSteps(run).map(({ tool, status }) => [tool, status])).toEqual([
      ['task_create', 'succeeded'],
      ['chat_channels', 'succeeded'],
      ['memory_add', 'succeeded'],
      ['task_create', 'waiting'],
    ]);
    await member.api.post(`/v1/agent-runs/${run.id}/cancel`);
    expect((await member.api.get<Page<object>>('/v1/approvals', { subjectId: run.id, status: 'pending' })).data).toEqual([]);

    ground.model.reset();
    ground.model.script(call('http_request', post('/alone')), call('http_request', post('/again')), say('Done.'));
    const second = await runWaits(member, await startRun(member, agent));
    expect(toolSteps(second).map(({ status }) => status)).toEqual(['succeeded', 'waiting']);
    expect(ground.receiver.received.map(({ path }) => path)).toEqual(['/alone']);
  });
});

describe('a model that is no good', () => {
  const ends = async (more: object = {}) =>
    runEnded(member, await startRun(member, await newAgent(owner, { tools: ['task_list'], ...more })));

  it.each<[string, Parameters<typeof ground.model.always>[0], object, string]>([
    ['is endless', { kind: 'endless' }, {}, 'agents.answer_incomplete'],
    ['is cut off', { kind: 'cut', afterChars: 20 }, {}, 'ai.unavailable'],
    ['says nothing', { kind: 'text', text: '' }, {}, 'agents.answer_incomplete'],
    ['is silent for longer than it may', { kind: 'silence' }, { limits: { seconds: 2 } }, 'agents.time_spent'],
    ['stops because of its length', { kind: 'text', text: 'half', finish: 'length' }, {}, 'agents.answer_incomplete'],
    ['calls the same for ever', { kind: 'call', calls: [{ tool: 'task_list', arguments: {} }] }, {}, 'agents.going_in_circles'],
    ['asks for a thousand tools at once', { kind: 'toolCalls', count: 1_000 }, {}, 'agents.too_many_calls'],
    ['refuses', { kind: 'status', status: 400 }, {}, 'ai.rejected'],
    ['speaks another protocol', { kind: 'wrongJson' }, {}, 'ai.malformed'],
    [
      'uses up its tokens',
      { kind: 'call', calls: [{ tool: 'task_list', arguments: {} }], usage: { prompt_tokens: 600, completion_tokens: 1 } },
      { limits: { tokens: 1_000 } },
      'agents.tokens_spent',
    ],
  ])('that %s ends with a clear failure', async (_what, behaviour, more, code) => {
    ground.model.always(behaviour);
    const run = await ends(more);
    expect(run).toMatchObject({ status: 'failed', failure: { code }, output: null });
    expect(run.steps.every(({ endedAt }) => endedAt !== null)).toBe(true);
  });

  it('is told of unknown tools and invalid arguments, as often as the run has steps', async () => {
    let asked = 0;
    const calls = [
      { tool: 'no_such_tool', arguments: {} },
      { tool: 'task_list', arguments: '{"broken' },
      { tool: 'task_list', arguments: { nothing: true } },
      { tool: 'task_list', arguments: '[1]' },
    ];
    ground.model.always({ kind: 'decide', decide: () => ({ kind: 'call', calls: [calls[asked++ % 4] ?? { tool: '', arguments: {} }] }) });
    const run = await ends({ limits: { steps: 9 } });

    expect(run).toMatchObject({ status: 'failed', failure: { code: 'agents.steps_spent' }, stepCount: 9 });
    expect(toolSteps(run).map(({ failure }) => failure?.code)).toEqual([
      'tools.not_found',
      'tools.invalid_arguments',
      'tools.invalid_arguments',
      'tools.invalid_arguments',
    ]);
  });

  it('cannot claim what no tool did: the trace says what happened', async () => {
    ground.model.script(say('I sent the money and made the task.'));
    const run = await ends();
    expect(run).toMatchObject({ status: 'succeeded', stepCount: 1 });
    expect(toolSteps(run)).toEqual([]);
  });
});

/** A public channel with the agent and the member in it. */
async function newChannel(agent: Agent): Promise<Channel> {
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}` });
  await owner.api.post(`/v1/channels/${channel.id}/members`, { kind: 'agent', id: agent.id });
  await member.api.post(`/v1/channels/${channel.id}/members`, { id: member.user.id });
  return channel;
}
const write = (channel: Channel, body: string) => member.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body });
const repliesTo = async ({ id }: Message, by = member) =>
  (await by.api.get<Page<Message>>(`/v1/messages/${id}/thread`)).data.filter(({ author }) => author.kind === 'agent');
const answerTo = (question: Message) =>
  eventually('an answer', async () =>
    (await repliesTo(question)).find(({ clientId, status }) => clientId?.startsWith('answer:') && status !== 'streaming'),
  );

async function newDocument(level: 'organization' | 'private', text: string): Promise<Document> {
  const { id } = await member.api.post<Document>('/v1/documents', { title: 'Notes', text, access: { level } });
  return eventually('the document is ready', async () => {
    const document = await member.api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'ready' && document;
  });
}

describe('an agent that is mentioned in a channel', () => {
  it('asks for leave in the thread, and answers there', async () => {
    const agent = await newAgent(owner, { displayName: `Bot${randomUUID().slice(0, 8)}`, tools: ['http_request', 'memory_add'] });
    const channel = await newChannel(agent);
    ground.model.script(
      call('memory_add', { content: 'Acme pays late.' }),
      call('http_request', { ...post('/orders'), body: { chairs: 3 } }),
      say('Done, see https://evil.example/x.'),
    );

    const question = await write(channel, `@${agent.displayName} please order and remember that Acme pays late.`);
    const approval = await eventually(
      'the approval',
      async () => (await member.api.get<Page<Approval>>('/v1/approvals', { channelId: channel.id })).data[0],
    );
    const asking = await eventually('the question in the thread', async () =>
      (await repliesTo(question)).find(({ body }) => body.includes(approval.id)),
    );
    await owner.api.post(`/v1/channels/${channel.id}/members`, { id: owner.user.id }).catch(() => undefined);
    const unread = async (by: Person) =>
      (await by.api.get<Page<Unread>>('/v1/unread')).data.find(({ channelId }) => channelId === channel.id)?.mentions;
    const mentions = [await unread(member), await unread(owner)];
    await member.api.post(`/v1/approvals/${approval.id}/approve`);
    const answer = await answerTo(question);
    const settled = await eventually('the question says what was decided', async () => {
      const now = await member.api.get<Message>(`/v1/messages/${asking.id}`);
      return now.revision > 1 && now;
    });
    const { data: runs } = await member.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id });

    expect(asking).toMatchObject({
      author: { kind: 'agent', id: agent.id, onBehalfOf: member.user.id, via: { kind: 'agent_run', id: runs[0]?.id } },
      threadId: question.id,
      mentions: [{ kind: 'user', id: member.user.id }],
    });
    expect(mentions).toEqual([1, 0]);
    expect(asking.body).toContain('I ask for leave to use http_request with:');
    expect(asking.body).toContain('"url":"http:// 127.0.0.1');
    expect(settled).toMatchObject({ revision: 2, mentions: asking.mentions });
    expect(settled.body).toMatch(new RegExp(`Approval ${approval.id}: approved by .+ on \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC\\.$`));
    const author = { kind: 'agent', id: agent.id, onBehalfOf: member.user.id, via: { kind: 'agent_run', id: runs[0]?.id } };
    expect(answer).toMatchObject({ status: 'complete', threadId: question.id, author });
    expect(answer.body).toBe('Done, see https:// evil.example/x.');
    expect(runs).toMatchObject([
      { trigger: 'mention', channelId: channel.id, answerId: answer.id, startedBy: member.user.id, status: 'succeeded' },
    ]);
    expect((await member.api.get<Page<Memory>>('/v1/memories')).data.map(({ content }) => content)).toContain('Acme pays late.');
    expect(await repliesTo(question)).toHaveLength(2);
    expect(ground.receiver.received).toMatchObject([{ body: '{"chairs":3}', headers: { 'content-type': 'application/json' } }]);
  });

  it('is asked by an edit that mentions it, once, with the rights of the editor', async () => {
    const agent = await newAgent(owner, { displayName: `Bot${randomUUID().slice(0, 8)}` });
    const channel = await newChannel(agent);
    const edit = ({ id }: Message, body: string, by = member.api) => by.patch<Message>(`/v1/messages/${id}`, { body });
    const [question, silent] = [await write(channel, 'what is new?'), await write(channel, 'what is old?')];
    const { key } = await member.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', scopes: ['channels:read', 'messages:write'] });
    ground.model.script(say('Nothing.'), say('Here.'));

    await edit(silent, `@${agent.displayName} what is old?`, new Api(key, ground.baseUrl));
    await edit(question, `@${agent.displayName} what is new?`);
    expect((await answerTo(question)).body).toBe('Nothing.');
    for (const body of ['never mind', `@${agent.displayName} what is new, then?`]) await edit(question, body);
    expect((await answerTo(await write(channel, `@${agent.displayName} are you there?`))).body).toBe('Here.');

    expect([await repliesTo(question), await repliesTo(silent)].map((replies) => replies.length)).toEqual([1, 0]);
  });

  it('knows what was said before in its thread, and is tainted by it', async () => {
    const agent = await newAgent(owner, {
      displayName: `Bot${randomUUID().slice(0, 8)}`,
      tools: ['http_request', 'search'],
      withoutApproval: ['http_request'],
    });
    const channel = await newChannel(agent);
    const word = `w${randomUUID().slice(0, 8)}`;
    const source = await newDocument('organization', `The ${word} chair costs ninety.`);
    const told = () => ground.model.requests.at(-1)?.body?.messages.map(({ content }) => String(content)) ?? [];
    ground.model.script(call('search', { query: word }), say('A chair costs ninety.'));
    const root = await write(channel, `@${agent.displayName} what is the ${word} chair?`);
    await answerTo(root);
    const reply = (text: string, by = member) =>
      by.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `@${agent.displayName} ${text}`, threadId: root.id });
    const answers = (count: number) =>
      eventually('the next answer', async () => {
        const ended = (await repliesTo(root)).filter(({ clientId, status }) => clientId?.startsWith('answer:') && status !== 'streaming');
        return ended.length === count && ended[0];
      });

    ground.model.script(call('http_request', post('/orders')), say('Ordered two.'));
    await reply('try again with two');
    const approval = await eventually(
      'the approval that the taint asks for',
      async () => (await member.api.get<Page<Approval>>('/v1/approvals', { channelId: channel.id })).data[0],
    );
    await member.api.post(`/v1/approvals/${approval.id}/approve`);
    const second = await answers(2);
    expect(told()[1]).toContain(`said:\n> @${agent.displayName} what is the ${word} chair?`);
    expect(told()[1]).toContain(`${agent.displayName} (an agent) said:\n> A chair costs ninety.`);
    expect(told()[1]).toMatch(/Your task:\n\n@Bot\w+ try again with two$/);
    expect(second.body).toBe('Ordered two.');

    await member.api.patch(`/v1/documents/${source.id}`, { access: { level: 'private' } });
    expect(await owner.api.get(`/v1/messages/${second.id}`)).toMatchObject({ status: 'withheld', body: '' });
    ground.model.script(say('Hm.'));
    await reply('and what does it cost?');
    await answers(3);
    expect(told()[1]).not.toMatch(/ninety|Ordered two/);

    const { key } = await member.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', scopes: ['messages:write', 'agents:run'] });
    ground.model.script(say('Hm.'));
    await reply('and now?', { ...member, api: new Api(key, ground.baseUrl) });
    await answers(4);
    expect(told()[1]).toMatch(/^@Bot\w+ and now\?$/);
  });

  it('reads for its answer only what every reader of the channel may read, and its answer goes with its sources', async () => {
    const agent = await newAgent(owner, {
      displayName: `Bot${randomUUID().slice(0, 8)}`,
      tools: ['search', 'document_list', 'memory_search'],
    });
    const channel = await newChannel(agent);
    const word = `w${randomUUID().slice(0, 8)}`;
    await newDocument('private', `The ${word} bonus is nine thousand.`);
    await member.api.post('/v1/memories', { content: `The ${word} bonus is a secret.` });
    const open = await newDocument('organization', `The ${word} launch is in May.`);
    const found = (body: FakeCompletionRequest) => JSON.stringify(body.messages);
    ground.model.script(call('search', { query: word }), call('memory_search', { query: word }), call('document_list', {}), {
      kind: 'decide',
      decide: (body) => say(found(body).includes('May') && !/nine thousand|a secret/.test(found(body)) ? 'In May.' : 'Leaked.'),
    });
    const question = await write(channel, `@${agent.displayName} what do you know of ${word}?`);
    const answer = await answerTo(question);
    expect(answer.body).toBe('In May.');
    const run = await readRun(member, {
      id: (await member.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id })).data[0]?.id ?? ('' as never),
    });
    expect(toolSteps(run).map(({ tool, failure }) => [tool, failure?.code ?? null])).toEqual([
      ['search', null],
      ['memory_search', null],
      ['document_list', 'agents.tool_not_allowed'],
    ]);

    await member.api.patch(`/v1/documents/${open.id}`, { access: { level: 'private' } });
    await eventually('the answer is withheld from others', async () => (await repliesTo(question, owner))[0]?.status === 'withheld');
  });

  it('has the text of its answer taken away with the pattern that it was made of', async () => {
    const agent = await newAgent(owner, { displayName: `Bot${randomUUID().slice(0, 8)}`, tools: ['search'] });
    const channel = await newChannel(agent);
    const word = `w${randomUUID().slice(0, 8)}`;
    const pattern = { name: word, situation: `A ${word} customer wants a refund`, action: 'Pay at once.', access: 'organization' };
    const { id } = await member.api.post<Pattern>('/v1/patterns', pattern);
    ground.model.script(call('search', { query: word }), say(`A ${word} is paid at once.`));
    const answer = await answerTo(await write(channel, `@${agent.displayName} what of a ${word}?`));
    const found = async () =>
      (await owner.api.post<SearchResult>('/v1/search', { query: word, kinds: ['message'] })).data.map((hit) => hit.id);
    expect(await found()).toContain(answer.id);

    await member.api.delete(`/v1/patterns/${id}`);

    await eventually('the text goes', async () => (await owner.api.get<Message>(`/v1/messages/${answer.id}`)).body === '');
    await eventually('search forgets it', async () => !(await found()).includes(answer.id));
  });

  it('starts by nothing that may not start it: a key without the right, a message that a workflow posts', async () => {
    const agent = await newAgent(owner, { displayName: `Bot${randomUUID().slice(0, 8)}`, tools: ['task_create', 'memory_add'] });
    const channel = await newChannel(agent);
    const body = `@${agent.displayName} remember this`;
    const keyWith = async (scopes: string[]) =>
      new Api((await member.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', scopes })).key, ground.baseUrl);
    const posting = await keyWith(['channels:read', 'messages:write']);
    const running = await keyWith(['channels:read', 'messages:write', 'agents:run', 'memory:write']);
    ground.model.script(call('task_create', { title: 'Not by this key' }), say('No task.'));
    const steps = [{ id: 'post', kind: 'tool', with: { tool: 'chat_post', arguments: { channelId: channel.id, body } } }];
    const workflow = await member.api.post<Workflow>('/v1/workflows', { name: `W ${randomUUID()}`, definition: { steps } });

    await member.api.post(`/v1/workflows/${workflow.id}/runs`);
    await eventually('the workflow has posted', async () =>
      (await member.api.get<Page<Message>>(`/v1/channels/${channel.id}/messages`)).data.some((message) => message.body === body),
    );
    await posting.post(`/v1/channels/${channel.id}/messages`, { body });
    await running.post(`/v1/channels/${channel.id}/messages`, { body });
    const run = await eventually('the run of the key that may', async () => {
      const { data } = await member.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id });
      return data.find(({ endedAt }) => endedAt !== null);
    });

    expect((await member.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id })).data).toHaveLength(1);
    expect(toolSteps(await readRun(member, run)).map(({ tool, failure }) => [tool, failure?.code])).toEqual([
      ['task_create', 'auth.permission_missing'],
    ]);
  });

  it('says so when it could not, and that it was cancelled', async () => {
    const agent = await newAgent(owner, { displayName: `Bot${randomUUID().slice(0, 8)}` });
    const channel = await newChannel(agent);
    ground.model.script({ kind: 'status', status: 400 });
    const failed = await answerTo(await write(channel, `@${agent.displayName} help`));
    ground.model.script({ kind: 'silence' });
    const question = await write(channel, `@${agent.displayName} help again`);
    const run = await eventually(
      'the run',
      async () => (await member.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id, status: 'running' })).data[0],
    );
    await member.api.post(`/v1/agent-runs/${run.id}/cancel`);

    expect(failed).toMatchObject({ status: 'failed', body: expect.stringContaining('I could not finish this.') as string });
    expect(await answerTo(question)).toMatchObject({ status: 'cancelled', body: 'The run was cancelled.' });
  });
});

describe('an agent in a workflow', () => {
  const run = async (definition: object) => {
    const workflow = await member.api.post<Workflow>('/v1/workflows', { name: `W ${randomUUID()}`, definition });
    const started = await member.api.post<WorkflowRun>(`/v1/workflows/${workflow.id}/runs`);
    return eventually(
      'the workflow ends',
      async () => {
        // While the server is down there is no answer.
        const now = await member.api.get<WorkflowRun>(`/v1/workflow-runs/${started.id}`).catch(() => null);
        return now && now.endedAt !== null && now;
      },
      60_000,
    );
  };

  it('fails with the failure of its run, and is tried again as a new one', async () => {
    const agent = await newAgent(owner);
    ground.model.script({ kind: 'status', status: 400 }, say('Better.'));
    const step = { id: 'ask', kind: 'agent', with: { agent: agent.name, prompt: 'Try.' }, retry: { attempts: 2, backoffSeconds: 0 } };
    expect(await run({ steps: [step], output: { said: '${{ steps.ask.output.text }}' } })).toMatchObject({ output: { said: 'Better.' } });
    expect(await run({ steps: [{ ...step, with: { agent: '${{ "nobody" }}', prompt: 'x' } }] })).toMatchObject({
      failure: { code: 'agents.not_found' },
    });
  });
});

it('runs agents by agents, no deeper than five, each tainted by the one before', async () => {
  const agent = await newAgent(owner, { tools: ['agent_run'] });
  ground.model.always({
    kind: 'decide',
    decide: (body) =>
      body.messages.at(-1)?.role === 'tool' ? say('Done.') : call('agent_run', { agentId: agent.id, prompt: 'Go on.', waitSeconds: 30 }),
  });
  const run = await runEnded(member, await startRun(member, agent), 60_000);
  const { data } = await member.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id });

  expect(run.status).toBe('succeeded');
  expect(data).toHaveLength(5);
  const deepest = await readRun(member, { id: data[0]?.id ?? ('' as never) });
  expect(toolSteps(deepest)).toMatchObject([{ status: 'failed', failure: { code: 'agents.too_deep' } }]);
});

it('starts once for one key, and refuses hostile input', async () => {
  const agent = await newAgent(owner);
  ground.model.always(say('Once.'));
  const headers = { 'idempotency-key': randomUUID() };
  const [one, two] = [await startKeyed(headers, 'x'), await startKeyed(headers, 'x')];
  expect(two).toEqual(one);
  expect((await startKeyed(headers, 'y')).status).toBe(422);
  for (const body of [
    {},
    { prompt: '' },
    { prompt: ' ' },
    { prompt: 'a\u0000b' },
    { prompt: 'x'.repeat(40_000) },
    { prompt: 'x', more: 1 },
  ])
    expect((await member.api.call<Problem>('POST', `/v1/agents/${agent.id}/runs`, { body })).status).toBe(400);

  async function startKeyed(keyed: Record<string, string>, prompt: string) {
    const { status, body } = await member.api.call('POST', `/v1/agents/${agent.id}/runs`, { body: { prompt }, headers: keyed });
    return { status, body };
  }
});
