import { randomUUID } from 'node:crypto';
import type { Agent, Channel, Document, Message, Page } from '@atrium/contracts';
import { type AgentGround, newAgent, newAgentGround } from '../lib/agents.js';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { deltasOf, isDelta, LiveClient, shownBy } from '../lib/live-client.js';

let ground: AgentGround;
let owner: Person;
let member: Person;
beforeAll(async () => {
  ground = await newAgentGround();
  owner = await ground.newOrganization('Streams');
  member = await newColleague(owner);
}, 180_000);
afterAll(() => ground.stop());
beforeEach(() => ground.model.reset());

/** A channel of the owner with the agent and the member in it. */
async function newChannel(agent: Agent, kind: 'public' | 'private' = 'public'): Promise<Channel> {
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}`, kind });
  await owner.api.post(`/v1/channels/${channel.id}/members`, { kind: 'agent', id: agent.id });
  await owner.api.post(`/v1/channels/${channel.id}/members`, { id: member.user.id });
  return channel;
}
async function onlooker(person: Person, channel: Channel): Promise<LiveClient> {
  const live = await LiveClient.connect(person.accessToken, { baseUrl: ground.baseUrl });
  await live.subscribe(channel.id);
  return live;
}
const newBot = (tools: string[]) => newAgent(owner, { displayName: `Bot${randomUUID().slice(0, 8)}`, tools });
const ask = (agent: Agent, channel: Channel, body: string) =>
  member.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `@${agent.displayName} ${body}` });
const answerTo = ({ id }: Message, by = member) =>
  eventually('an answer', async () =>
    (await by.api.get<Page<Message>>(`/v1/messages/${id}/thread`)).data.find(
      ({ author, status }) => author.kind === 'agent' && status !== 'streaming',
    ),
  );

describe('what an agent says in a channel', () => {
  it('comes as it is said to the members and to nobody else, and is the answer at the end', async () => {
    const agent = await newBot(['task_create']);
    const channel = await newChannel(agent, 'private');
    const outsider = await newColleague(owner);
    const stranger = await newOrganization('Other');
    const [first, second] = [await onlooker(member, channel), await onlooker(owner, channel)];
    const others = [await onlooker(outsider, channel), await onlooker(stranger, channel)];
    const text = 'I noted it 😀, see https://evil.example/x and ![a](http://b.example). '.repeat(6).trim();
    ground.model.script(
      { kind: 'call', calls: [{ tool: 'task_create', arguments: { title: 'Note' } }] },
      { kind: 'text', text, chunkChars: 7, delayMs: 3 },
    );

    const answer = await answerTo(await ask(agent, channel, 'note this'));

    for (const live of [first, second]) {
      await live.waitForEvent('chat.message_completed', ({ subject }) => subject.id === answer.id);
      const deltas = deltasOf(live);
      expect(deltas.length).toBeGreaterThan(10);
      expect(deltas.every(({ messageId, channelId }) => messageId === answer.id && channelId === channel.id)).toBe(true);
      expect(deltas.map(({ text: piece }) => piece).join('')).toBe(answer.body);
      expect(shownBy(deltas)).toBe(answer.body);
      const completed = live.frames.findIndex((frame) => frame.type === 'event' && frame.event.type === 'chat.message_completed');
      expect(live.frames.findLastIndex(isDelta)).toBeLessThan(completed);
    }
    expect(answer.body).toContain('😀');
    expect(answer.body).not.toMatch(/\]\(|:\/\/\S/);
    await outsider.api.post('/v1/tasks', { title: 'Afterwards' });
    await others[0]?.waitForEvent('tasks.created', ({ data }) => JSON.stringify(data).includes('Afterwards'));
    for (const live of others) expect(JSON.stringify(live.frames)).not.toMatch(/delta|I noted/);
    await Promise.all([first, second, ...others].map((live) => live.close()));
  });

  it('gives way to what it says after its tools', async () => {
    const agent = await newBot(['search']);
    const channel = await newChannel(agent);
    const live = await onlooker(member, channel);
    ground.model.script(
      { kind: 'call', text: 'Let me look.', calls: [{ tool: 'search', arguments: { query: 'what is to do' } }] },
      { kind: 'text', text: 'There is nothing to do.' },
    );

    const answer = await answerTo(await ask(agent, channel, 'what is to do?'));
    await live.waitForEvent('chat.message_completed', ({ subject }) => subject.id === answer.id);

    expect(answer.body).toBe('There is nothing to do.');
    expect(deltasOf(live)[0]).toMatchObject({ offset: 0, text: 'Let me look.' });
    expect(shownBy(deltasOf(live))).toBe(answer.body);
    await live.close();
  });

  it('stops for who may not read any more what it is made of', async () => {
    const agent = await newBot(['search']);
    const channel = await newChannel(agent);
    const word = `w${randomUUID().slice(0, 8)}`;
    const { id } = await member.api.post<Document>('/v1/documents', { title: 'Notes', text: `The ${word} launch is in May.` });
    await eventually('the document is ready', async () => (await member.api.get<Document>(`/v1/documents/${id}`)).status === 'ready');
    const [mine, theirs] = [await onlooker(member, channel), await onlooker(owner, channel)];
    ground.model.script(
      { kind: 'call', calls: [{ tool: 'search', arguments: { query: word } }] },
      { kind: 'text', text: 'In May, I say. '.repeat(120), chunkChars: 6, delayMs: 10 },
    );

    const question = await ask(agent, channel, `when is ${word}?`);
    await theirs.waitFor('a delta', isDelta);
    await member.api.patch(`/v1/documents/${id}`, { access: { level: 'private' } });
    const answer = await answerTo(question);
    const told = await theirs.waitForEvent('chat.message_completed', ({ subject }) => subject.id === answer.id);

    expect(shownBy(deltasOf(mine))).toBe(answer.body);
    expect(shownBy(deltasOf(theirs)).length).toBeLessThan(answer.body.length);
    expect(JSON.stringify(told)).not.toContain('In May');
    await Promise.all([mine.close(), theirs.close()]);
  });
});
