import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { AgentPage, Channel, ChannelMemberPage, Document, Memory, Message, MessagePage, SearchResult } from '@atrium/contracts';
import { type AgentGround, newAgentGround } from '../lib/agents.js';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { followed } from '../lib/citations.js';
import type { FakeModel } from '../lib/fake-model.js';

const HANDBOOK =
  'Working here.\n\nEvery employee has thirty days of holidays a year. Unused holidays expire at the end of March.\n\nExpenses are paid within two weeks.';

async function newDocument(owner: Person, access: 'organization' | 'private' = 'organization', text = HANDBOOK): Promise<Document> {
  const { id } = await owner.api.post<Document>('/v1/documents', {
    title: 'Handbook',
    text,
    mediaType: 'text/plain',
    access: { level: access },
  });
  return eventually('the document is ready', async () => {
    const document = await owner.api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'processing' ? null : document;
  });
}

/** A channel in which the assistant is. */
async function newChannel(owner: Person): Promise<Channel> {
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}`, kind: 'public' });
  await eventually('the assistant joins', async () => {
    const { data } = await owner.api.get<z.infer<typeof ChannelMemberPage>>(`/v1/channels/${channel.id}/members`);
    return data.some((member) => member.kind === 'agent');
  });
  return channel;
}

const post = (person: Person, channel: Channel, body: string) => person.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body });
async function answersTo(person: Person, question: Message): Promise<Message[]> {
  const { data } = await person.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`);
  return data.filter((message) => message.author.kind === 'agent');
}
const answerTo = (person: Person, question: Message) =>
  eventually('an answer', async () => (await answersTo(person, question)).find((message) => message.status !== 'streaming'));
const ask = async (person: Person, channel: Channel, question: string) =>
  answerTo(person, await post(person, channel, `@assistant ${question}`));

async function assertTrue(person: Person, answer: Message): Promise<void> {
  for (const citation of answer.citations) {
    expect(citation.verified).toBe(true);
    expect(await followed(person, citation)).toContain(citation.quote);
  }
}

describe('without a model', () => {
  it('quotes the best sentence exactly, in the thread of the question, and says that these are quotes', async () => {
    const owner = await newOrganization();
    const document = await newDocument(owner);
    const channel = await newChannel(owner);

    const question = await post(owner, channel, '@assistant How many days of holidays does an employee have?');
    const answer = await answerTo(owner, question);

    expect(answer).toMatchObject({
      status: 'complete',
      threadId: question.id,
      channelId: channel.id,
      author: { kind: 'agent', displayName: 'Assistant' },
    });
    expect(answer.body).toContain('No language model is set up');
    expect(answer.body).toContain('“Every employee has thirty days of holidays a year.” [1] (Handbook)');
    expect(answer.citations[0]).toMatchObject({
      documentId: document.id,
      title: 'Handbook',
      page: null,
      quote: 'Every employee has thirty days of holidays a year.',
    });
    await assertTrue(owner, answer);
    expect(await answersTo(owner, question)).toHaveLength(1);
  });

  it('cites messages and memories too, by the ids at which those who may read them do', async () => {
    const owner = await newOrganization();
    const guest = await newColleague(owner, 'guest');
    const channel = await newChannel(owner);
    await owner.api.post(`/v1/channels/${channel.id}/members`, { id: guest.user.id });
    const said = await post(owner, channel, 'The platypus launch is planned for the ninth of May.');
    const fact = { content: 'The wombat budget is nine thousand euros.', subject: 'wombat', predicate: 'budget', access: 'organization' };
    const told = await owner.api.post<Memory>('/v1/memories', fact);

    const [ofMessage, ofMemory] = [
      await ask(owner, channel, 'When is the platypus launch planned?'),
      await ask(owner, channel, 'What is the wombat budget?'),
    ];

    const shared = { quote: said.body, verified: true, title: `#${channel.name}` };
    expect(ofMessage.citations).toEqual([{ kind: 'message', messageId: said.id, channelId: channel.id, threadId: null, ...shared }]);
    expect(ofMessage.body).toContain(`“${said.body}” [1] (#${channel.name})`);
    expect(ofMemory.citations).toEqual([
      { kind: 'memory', memoryId: told.id, namespaceId: told.namespaceId, title: 'wombat · budget', quote: told.content, verified: true },
    ]);
    expect(ofMemory.body).toContain(`“${told.content}” [1] (memory: wombat · budget)`);
    await assertTrue(owner, ofMessage);
    await assertTrue(owner, ofMemory);
    await assertTrue(guest, await guest.api.get<Message>(`/v1/messages/${ofMessage.id}`));
    expect(await guest.api.get<Message>(`/v1/messages/${ofMemory.id}`)).toMatchObject({ status: 'withheld', body: '', citations: [] });
    await guest.api.refused(404, 'GET', `/v1/memories/${told.id}`);
  });

  it('says plainly that it found nothing', async () => {
    const owner = await newOrganization();
    await newDocument(owner);
    const answer = await ask(owner, await newChannel(owner), 'What is the capital of Mongolia?');
    expect(answer).toMatchObject({ status: 'complete', citations: [] });
    expect(answer.body).toMatch(/^I found nothing about this/);
  });

  it('uses nothing in a public channel that only the asker may read', async () => {
    const owner = await newOrganization();
    await newDocument(owner, 'private', 'The secret bonus of the employee is nine thousand.');
    const answer = await ask(owner, await newChannel(owner), 'What is the secret bonus of the employee?');
    expect(answer.body).toMatch(/^I found nothing about this/);
  });

  it('quotes no question, and is made of nothing but what it quotes', async () => {
    const owner = await newOrganization();
    await newDocument(owner, 'organization', 'Borscht costs 5.10 euros.');
    const towels = await newDocument(owner, 'organization', 'Towels cost two euros.');
    const channel = await newChannel(owner);
    await post(owner, channel, 'What does borscht cost?');
    await eventually('the question is found', async () => {
      const { data } = await owner.api.post<SearchResult>('/v1/search', { query: 'borscht cost', kinds: ['message'] });
      return data.length > 0;
    });
    const answer = await ask(owner, channel, 'What does borscht cost?');
    expect(answer.body).toMatch(/:\n\n- “Borscht costs 5\.10 euros\.” \[1\] \(Handbook\)$/);

    await owner.api.delete(`/v1/documents/${towels.id}`);
    expect(await owner.api.get<Message>(`/v1/messages/${answer.id}`)).toEqual(answer);
  });

  it('answers only when a person mentions it, and stays out of where it was removed', async () => {
    const owner = await newOrganization();
    const channel = await newChannel(owner);
    const { data } = await owner.api.get<z.infer<typeof AgentPage>>('/v1/agents');
    const quiet = await post(owner, channel, 'assistant, are you there?');
    await owner.api.delete(`/v1/channels/${channel.id}/members/${data[0]?.id}?kind=agent`);
    const removed = await post(owner, channel, '@assistant are you there?');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([...(await answersTo(owner, quiet)), ...(await answersTo(owner, removed))]).toEqual([]);
  });
});

describe('with a model', () => {
  let ground: AgentGround;
  let fake: FakeModel;
  let owner: Person;
  let channel: Channel;

  beforeAll(async () => {
    ground = await newAgentGround();
    fake = ground.model;
    owner = await ground.newOrganization('Acme');
    await newDocument(owner);
    channel = await newChannel(owner);
  }, 120_000);
  afterAll(() => ground.stop());
  beforeEach(() => fake.reset());

  const QUESTION = 'How many days of holidays does an employee have?';

  it('answers from the passages, each quote true', async () => {
    const answer = await ask(owner, channel, QUESTION);

    expect(answer.status).toBe('complete');
    expect(answer.body).toMatch(/^The documents say: .+ \[1\]$/s);
    expect(answer.citations).toHaveLength(1);
    await assertTrue(owner, answer);
    const prompt = JSON.stringify(fake.requests.at(-1)?.body?.messages);
    expect(prompt).toContain('[1] Handbook');
    expect(prompt).not.toContain('@assistant');
  });

  it('drops quotes that are lies, and says that nothing backs the answer', async () => {
    fake.script({ kind: 'text', text: 'You get forty days [1: "Every employee has forty days of holidays a year."] or more [7].' });
    const answer = await ask(owner, channel, QUESTION);
    expect(answer).toMatchObject({ status: 'complete', citations: [] });
    expect(answer.body).toMatch(/^You get forty days or more\.\n\n\*No statement of this answer could be checked/);

    fake.script({ kind: 'text', text: 'Thirty [3: "thirty days  of\nholidays"], forty [1: "forty days of holidays"], see [1].' });
    const mixed = await ask(owner, channel, QUESTION);
    expect(mixed.body).toMatch(/^Thirty \[1\], forty, see( \[1\])?\.$/);
    expect(mixed.citations).toMatchObject([{ quote: 'thirty days of holidays', verified: true }]);
    await assertTrue(owner, mixed);
  });

  it('keeps what a cut answer said, and says what happened', async () => {
    fake.script({ kind: 'cut', afterChars: 40 });
    const answer = await ask(owner, channel, QUESTION);
    expect(answer.status).toBe('failed');
    expect(answer.body).toMatch(/^This is the answer of the fake model.+The answer ends here\. The model provider .+ cannot be reached/s);
  });

  it('quotes when the model refuses', async () => {
    fake.script({ kind: 'status', status: 400 });
    const answer = await ask(owner, channel, QUESTION);
    expect(answer.status).toBe('failed');
    expect(answer.body).toMatch(
      /^The model provider .+ refused.+“Every employee has thirty days of holidays a year\.” \[1\] \(Handbook\)/s,
    );
    await assertTrue(owner, answer);
    expect(answer.citations).toHaveLength(1);
  });

  it('cuts an endless answer', async () => {
    fake.script({ kind: 'endless' });
    const answer = await ask(owner, channel, QUESTION);
    expect(answer.status).toBe('complete');
    expect(answer.body.length).toBeLessThan(13_000);
    expect(answer.body).toContain('became too long');
  });

  it('stops when the answer is deleted', async () => {
    fake.script({ kind: 'endless', delayMs: 100 });
    const question = await post(owner, channel, `@assistant ${QUESTION}`);
    const running = await eventually('a running answer', async () =>
      (await answersTo(owner, question)).find((message) => message.body !== ''),
    );
    expect(running.status).toBe('streaming');
    await owner.api.delete(`/v1/messages/${running.id}`);
    await fake.requests.at(-1)?.closed;
  });

  it('does not ask the model when there is nothing to answer from', async () => {
    const answer = await ask(owner, channel, 'What is the capital of Mongolia?');
    expect(answer.body).toMatch(/^I found nothing about this/);
    expect(fake.requests).toHaveLength(0);
  });

  it('goes on with what was said in the thread, and looks for a short question together with the one before', async () => {
    const other = await ground.newOrganization('Travel');
    const bob = await newColleague(other);
    const london = await newDocument(other, 'organization', 'A hotel in London may cost 210 pounds a night.');
    await newDocument(other, 'organization', 'A hotel in Paris may cost 180 euros a night.');
    await newDocument(other, 'organization', 'The caterer Miller delivers lunch to the office every single Tuesday.');
    const place = await newChannel(other);
    await other.api.post(`/v1/channels/${place.id}/members`, { id: bob.user.id });
    const say = (threadId: string, body: string, by = other) =>
      by.api.post<Message>(`/v1/channels/${place.id}/messages`, { body, threadId });
    const root = await post(other, place, '@assistant What may a hotel in London cost?');
    const answered = (count: number) =>
      eventually('the next answer', async () => {
        const answers = (await answersTo(other, root)).filter(({ status }) => status !== 'streaming').toReversed();
        return answers.length === count && answers.at(-1);
      });
    const told = () => String(fake.requests.at(-1)?.body?.messages.at(-1)?.content);
    await answered(1);
    const gone = await say(root.id, 'Never mind the boss.', bob);
    await say(root.id, 'It is for me.', bob);
    await other.api.delete(`/v1/messages/${gone.id}`);

    await say(root.id, '@assistant and in Paris?');
    await answered(2);
    const [passages = '', thread = '', question] = told().split(/End of the (?:passages|thread)\.\n\n/);
    expect(passages).toContain('180 euros');
    expect(passages).not.toMatch(/What may a hotel|and in Paris/);
    expect(thread).toMatch(
      /^Said before in the thread:\n\n.+ said:\n> @assistant What may a hotel in London cost\?\n\nAssistant \(an agent\) said:\n> .*210 pounds/s,
    );
    expect(thread).toContain('> It is for me.');
    expect(thread).not.toMatch(/the boss|and in Paris/);
    expect(question).toBe('Question: and in Paris?');

    // What an answer before was made of is a source of the next one too; once it is not open to all, the answer is not told again.
    await say(root.id, '@assistant Who delivers lunch to the office on a Tuesday?');
    const third = await answered(3);
    expect(third).toMatchObject({ status: 'complete', citations: [{ quote: expect.stringContaining('Miller') as string }] });
    await other.api.patch(`/v1/documents/${london.id}`, { access: { level: 'private' } });
    expect(await bob.api.get(`/v1/messages/${third.id}`)).toMatchObject({ status: 'withheld', body: '' });
    await say(root.id, '@assistant Which day does the caterer Miller deliver lunch to the office?');
    await answered(4);
    expect(told()).toContain('> It is for me.');
    expect(told()).not.toMatch(/210 pounds|Assistant \(an agent\)/);
  });

  it('withholds from a guest of a channel what was made of documents that guests may not read', async () => {
    const guest = await newColleague(owner, 'guest');
    await owner.api.post(`/v1/channels/${channel.id}/members`, { id: guest.user.id });
    const question = await post(owner, channel, `@assistant ${QUESTION}`);
    await answerTo(owner, question);
    expect(await answersTo(guest, question)).toMatchObject([{ status: 'withheld', body: '', citations: [] }]);
  });
});
