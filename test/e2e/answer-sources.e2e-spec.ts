import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Channel, ChannelMemberPage, Document, LiveEvent, Message, MessagePage, Page, SearchResult } from '@atrium/contracts';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { followed } from '../lib/citations.js';
import { ClientState, replayEqualsFetch } from '../lib/client-state.js';
import { LiveClient } from '../lib/live-client.js';

const QUESTION = '@assistant What is the launch code of the platypus?';
const SECRET = 'launch code of the platypus is 4711';
const WITHHELD = { status: 'withheld', body: '', citations: [] };

/** A channel in which the assistant is, with an owner and a colleague who reads along. */
async function newPlace() {
  const owner = await newOrganization();
  const [bob, guest] = [await newColleague(owner), await newColleague(owner, 'guest')];
  const channel = await newChannel(owner);
  await owner.api.post(`/v1/channels/${channel.id}/members`, { id: guest.user.id });
  return { owner, bob, guest, channel };
}

async function newChannel(owner: Person): Promise<Channel> {
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}` });
  await eventually('the assistant joins', async () => {
    const { data } = await owner.api.get<z.infer<typeof ChannelMemberPage>>(`/v1/channels/${channel.id}/members`);
    return data.some((member) => member.kind === 'agent');
  });
  return channel;
}

async function newDocument(owner: Person, text = `The ${SECRET}.`): Promise<Document> {
  const { id } = await owner.api.post<Document>('/v1/documents', { title: 'Codes', text });
  return eventually('the document is ready', async () => {
    const document = await owner.api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'ready' && document;
  });
}

async function ask(person: Person, channel: Channel): Promise<Message> {
  const question = await person.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: QUESTION });
  const answer = await eventually('an answer', async () => {
    const { data } = await person.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`);
    return data.find((message) => message.author.kind === 'agent' && message.status !== 'streaming');
  });
  expect(answer).toMatchObject({ status: 'complete', body: expect.stringContaining(SECRET) as string });
  return answer;
}

const read = ({ api }: Person, { id }: Message) => api.get<Message>(`/v1/messages/${id}`);
const setAccess = ({ api }: Person, { id }: Document, level: string) => api.patch<Document>(`/v1/documents/${id}`, { access: { level } });
const heard = (live: LiveClient, answer: Message) =>
  live.waitForEvent('chat.message_sources_changed', ({ subject }) => subject.id === answer.id);
const found = async ({ api }: Person) =>
  (await api.post<SearchResult>('/v1/search', { query: 'platypus launch' })).data.map(({ id }) => id);
/** Everything that the log still tells this person. */
async function history({ api }: Person): Promise<string> {
  const events: LiveEvent[] = [];
  for (let after = 0; ;) {
    const page: Page<LiveEvent> = await api.ok('GET', '/v1/events', {
      query: { after, limit: 200 },
      headers: { accept: 'application/json' },
    });
    events.push(...page.data);
    const last = page.data.at(-1);
    if (page.nextCursor === null || !last) return JSON.stringify(events);
    after = last.seq;
  }
}

it('withholds an answer at once from who may not read its document any more, tells it in order, and brings it back', async () => {
  const { owner, bob, guest, channel } = await newPlace();
  const document = await newDocument(owner);
  const answer = await ask(owner, channel);
  const people = [
    { ...owner, self: { id: owner.user.id, role: 'owner' } },
    { ...bob, self: { id: bob.user.id, role: 'member' } },
    { ...guest, self: { id: guest.user.id, role: 'guest' } },
  ];
  const lives = await Promise.all(people.map(({ accessToken }) => LiveClient.connect(accessToken)));
  const states = await Promise.all(people.map(({ api, self }) => ClientState.fetch(api, self)));
  const [ownerLive, bobLive] = lives as [LiveClient, LiveClient, LiveClient];

  await setAccess(owner, document, 'private');
  expect(await read(bob, answer)).toMatchObject(WITHHELD);
  expect(await read(owner, answer)).toEqual(answer);

  expect((await heard(bobLive, answer)).data['message']).toMatchObject(WITHHELD);
  expect((await heard(ownerLive, answer)).data['message']).toEqual(answer);
  expect(await history(bob)).not.toContain(SECRET);
  expect(await history(owner)).toContain(SECRET);
  expect(await found(bob)).not.toContain(answer.id);

  await setAccess(owner, document, 'organization');
  expect(await read(bob, answer)).toEqual(answer);
  for (const live of lives) {
    await eventually('both changes are told', () =>
      Promise.resolve(live.events.filter(({ type }) => type === 'chat.message_sources_changed').length === 2),
    );
  }
  expect(bobLive.events.at(-1)?.data['message']).toEqual(answer);
  expect(await found(bob)).toContain(answer.id);
  expect(await read(guest, answer)).toMatchObject(WITHHELD);
  for (const [at, { api, self }] of people.entries()) {
    await replayEqualsFetch(states[at] as ClientState, lives[at]?.events ?? [], api, self);
    await lives[at]?.close();
  }
});

it('takes the text of an answer away from everyone, its history and search, when a document that it was made of is removed', async () => {
  const { owner, bob, channel } = await newPlace();
  const document = await newDocument(owner);
  const answer = await ask(owner, channel);
  const live = await LiveClient.connect(owner.accessToken);
  await owner.api.delete(`/v1/documents/${document.id}`);

  for (const reader of [owner, bob]) expect(await read(reader, answer)).toMatchObject(WITHHELD);
  expect((await heard(live, answer)).data['message']).toMatchObject(WITHHELD);
  expect((await heard(live, answer)).data['message']).toEqual(await read(owner, answer));
  for (const reader of [owner, bob]) {
    expect(await history(reader)).not.toContain(SECRET);
    expect(await found(reader)).not.toContain(answer.id);
  }
  await live.close();
});

it.each(['message', 'channel'])('does the same when the %s that it was made of is deleted', async (what) => {
  const { owner, bob, channel } = await newPlace();
  const other = await newChannel(owner);
  const { id } = await owner.api.post<Message>(`/v1/channels/${other.id}/messages`, { body: `By the way: the ${SECRET}.` });
  const answer = await ask(owner, channel);
  const live = await LiveClient.connect(bob.accessToken);
  await owner.api.delete(what === 'message' ? `/v1/messages/${id}` : `/v1/channels/${other.id}`);

  for (const reader of [owner, bob]) expect(await read(reader, answer)).toMatchObject(WITHHELD);
  expect((await heard(live, answer)).data['message']).toMatchObject(WITHHELD);
  expect(await history(bob)).not.toContain(SECRET);
  expect(await found(bob)).not.toContain(answer.id);
  await live.close();
});

it('keeps an answer whose document has a new version: the one that it cites can still be read', async () => {
  const { owner, bob, channel } = await newPlace();
  const document = await newDocument(owner);
  const answer = await ask(owner, channel);
  await owner.api.post(`/v1/documents/${document.id}/versions`, { text: 'Nothing to see here.' });
  await eventually('the new version is ready', async () => {
    const { status, version } = await owner.api.get<Document>(`/v1/documents/${document.id}`);
    return status === 'ready' && version === 2;
  });

  expect(await read(bob, answer)).toEqual(answer);
  const [citation] = answer.citations;
  expect(citation).toMatchObject({ kind: 'document', documentId: document.id, version: 1 });
  expect(citation && (await followed(bob, citation))).toBe(citation?.quote);
});
