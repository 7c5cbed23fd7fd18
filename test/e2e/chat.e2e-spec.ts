import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type {
  Channel,
  ChannelId,
  ChannelMember,
  ChannelPage,
  Message,
  MessagePage,
  MessageRevisionPage,
  Problem,
  SearchResult,
  UnreadPage,
} from '@atrium/contracts';
import { newColleague, newOrganization, type Person } from '../lib/api.js';
import { LiveClient } from '../lib/live-client.js';

type Messages = z.infer<typeof MessagePage>;

const clients: LiveClient[] = [];
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

async function listen(person: Pick<Person, 'accessToken'>): Promise<LiveClient> {
  const client = await LiveClient.connect(person.accessToken);
  clients.push(client);
  return client;
}

async function newChannel(owner: Person, kind: 'public' | 'private' = 'public', ...members: Person[]): Promise<Channel> {
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}`, kind });
  for (const { user } of members) await owner.api.post(`/v1/channels/${channel.id}/members`, { id: user.id });
  return channel;
}
const say = (person: Person, channelId: string, body: string, more: object = {}) =>
  person.api.post<Message>(`/v1/channels/${channelId}/messages`, { body, ...more });

it('tells a conversation: join, post, reply, edit, delete, read', async () => {
  const owner = await newOrganization();
  const bob = await newColleague(owner, 'member', 'Bob Builder');
  const channel = await newChannel(owner);
  const messages = `/v1/channels/${channel.id}/messages`;

  expect(await bob.api.refused(403, 'POST', messages, { body: { body: 'hi' } })).toMatchObject({ code: 'chat.not_a_member' });
  const joined = await bob.api.post<ChannelMember>(`/v1/channels/${channel.id}/members`, { id: bob.user.id });
  expect(joined).toMatchObject({ kind: 'user', id: bob.user.id, displayName: 'Bob Builder', role: 'member' });
  const live = await listen(bob);

  const root = await say(owner, channel.id, 'The aardvark needs a home, @bobbuilder.');
  expect(root).toMatchObject({
    author: { displayName: 'Olivia Owner' },
    mentions: [{ kind: 'user', id: bob.user.id }],
    status: 'complete',
    revision: 1,
  });
  expect((await live.waitForEvent('chat.message_posted')).data).toEqual({ channelId: channel.id, message: root });
  expect(
    (await bob.api.get<z.infer<typeof UnreadPage>>('/v1/unread')).data.find(({ channelId }) => channelId === channel.id),
  ).toMatchObject({ unread: 1, mentions: 1 });

  const reply = await say(bob, channel.id, 'On it.', { threadId: root.id });
  expect((await owner.api.get<Messages>(`/v1/messages/${root.id}/thread`)).data).toEqual([reply]);
  expect(await owner.api.get<Message>(`/v1/messages/${root.id}`)).toMatchObject({ replyCount: 1, lastReplyAt: reply.createdAt });

  const edited = await owner.api.patch<Message>(`/v1/messages/${root.id}`, { body: 'The aardvark has a home.' });
  expect((await live.waitForEvent('chat.message_edited')).data['message']).toEqual(edited);
  expect((await bob.api.get<z.infer<typeof MessageRevisionPage>>(`/v1/messages/${root.id}/revisions`)).data).toMatchObject([
    { revision: 1, body: root.body },
  ]);
  expect(await bob.api.put(`/v1/channels/${channel.id}/read`, { seq: root.seq })).toMatchObject({
    unread: 0,
    mentions: 0,
    lastReadSeq: root.seq,
  });

  const found = await bob.api.get<SearchResult>('/v1/search', { q: 'aardvark' });
  expect(found.data).toMatchObject([{ kind: 'message', id: root.id, source: { channelId: channel.id, threadId: null } }]);
  await owner.api.delete(`/v1/messages/${root.id}`);
  expect((await live.waitForEvent('chat.message_deleted')).data['message']).toEqual(await bob.api.get<Message>(`/v1/messages/${root.id}`));
  expect((await bob.api.get<SearchResult>('/v1/search', { q: 'aardvark' })).data).toEqual([]);
  expect((await bob.api.get<Messages>(messages)).data.map(({ body }) => body)).toEqual(['On it.', '']);

  await bob.api.delete(`/v1/channels/${channel.id}/members/${bob.user.id}`);
  expect(await bob.api.refused(403, 'PATCH', `/v1/messages/${reply.id}`, { body: { body: 'Still here.' } })).toMatchObject({
    code: 'chat.not_a_member',
  });
});

it('posts by socket, with an acknowledgement', async () => {
  const owner = await newOrganization();
  const channel = await newChannel(owner);
  const live = await listen(owner);

  const ack = await live.say({ type: 'message.post', channelId: channel.id, body: 'by wire', clientId: 'c1' });
  const error = await live.say({ type: 'message.post', channelId: randomUUID() as ChannelId, body: 'nowhere' });

  expect((await owner.api.get<Messages>(`/v1/channels/${channel.id}/messages`)).data).toEqual([ack.type === 'ack' && ack.result]);
  expect(error).toMatchObject({ type: 'error', problem: { code: 'chat.channel_not_found' } });
});

it('makes one message of 64 parallel posts with one clientId', async () => {
  const owner = await newOrganization();
  const channel = await newChannel(owner);

  const posted = await Promise.all(Array.from({ length: 64 }, () => say(owner, channel.id, 'once', { clientId: 'c1' })));

  expect(new Set(posted.map(({ id }) => id)).size).toBe(1);
  expect((await owner.api.get<Messages>(`/v1/channels/${channel.id}/messages`)).data).toHaveLength(1);
});

it('answers strangers, admins and guests about a private channel as if it were not there', async () => {
  const owner = await newOrganization();
  const [admin, guest, stranger] = [await newColleague(owner, 'admin'), await newColleague(owner, 'guest'), await newOrganization('Other')];
  const channel = await newChannel(owner, 'private');
  const message = await say(owner, channel.id, 'secret');
  const routes = [
    ['GET', '/v1/channels/:c'],
    ['GET', '/v1/channels/:c/members'],
    ['GET', '/v1/channels/:c/messages'],
    ['PUT', '/v1/channels/:c/read', { seq: 1 }],
    ['POST', '/v1/channels/:c/messages', { body: 'x' }],
    ['GET', '/v1/messages/:m'],
    ['GET', '/v1/messages/:m/thread'],
    ['GET', '/v1/messages/:m/revisions'],
    ['PATCH', '/v1/messages/:m', { body: 'x' }],
    ['DELETE', '/v1/messages/:m'],
  ] as const;

  for (const { api } of [admin, guest, stranger]) {
    const live = await listen({ accessToken: api.token ?? '' });
    await say(owner, channel.id, 'more secrets');
    for (const [method, path, body] of routes) {
      const at = (c: string, m: string) => api.refused(404, method, path.replace(':c', c).replace(':m', m), body ? { body } : {});
      const [real, random] = [await at(channel.id, message.id), await at(randomUUID(), randomUUID())];
      const { instance: _a, requestId: _b, ...shown } = real;
      expect(random).toMatchObject<Partial<Problem>>(shown);
      expect(Object.keys(random)).toEqual(Object.keys(real));
    }
    const { data } = await api.get<z.infer<typeof ChannelPage>>('/v1/channels');
    expect(data.map(({ id }) => id)).not.toContain(channel.id);
    expect(JSON.stringify(live.frames)).not.toContain('secret');
  }
});

it('keeps to the form: limits, unknown keys, If-Match, Idempotency-Key, permissions', async () => {
  const owner = await newOrganization();
  const guest = await newColleague(owner, 'guest');
  const channel = await newChannel(owner);
  const messages = `/v1/channels/${channel.id}/messages`;

  for (const body of [
    { body: 'x'.repeat(16_001) },
    { body: '  ' },
    { body: 'x', authorId: guest.user.id },
    { body: 'x', threadId: 'no' },
  ]) {
    expect(await owner.api.refused(400, 'POST', messages, { body })).toMatchObject({ code: 'request.invalid' });
  }
  expect((await say(owner, channel.id, 'x'.repeat(16_000))).body).toHaveLength(16_000);
  expect(await guest.api.refused(403, 'POST', '/v1/channels', { body: { name: 'mine' } })).toMatchObject({
    code: 'auth.permission_missing',
  });

  const headers = { 'idempotency-key': randomUUID() };
  const [first, again] = [
    await owner.api.call<Message>('POST', messages, { body: { body: 'once' }, headers }),
    await owner.api.call<Message>('POST', messages, { body: { body: 'once' }, headers }),
  ];
  expect([first.status, again.body]).toEqual([201, first.body]);
  const path = `/v1/messages/${first.body.id}`;
  const etag = (await owner.api.call('GET', path)).headers.get('etag') ?? '';
  await owner.api.ok('PATCH', path, { body: { body: 'twice' }, headers: { 'if-match': etag } });
  await owner.api.refused(412, 'PATCH', path, { body: { body: 'thrice' }, headers: { 'if-match': etag } });
  expect((await owner.api.call('GET', messages)).headers.get('x-event-seq')).toMatch(/^\d+$/);
});

it('archives, opens again and removes a channel', async () => {
  const owner = await newOrganization();
  const bob = await newColleague(owner);
  const channel = await newChannel(owner, 'private', bob);
  const path = `/v1/channels/${channel.id}`;
  const live = await listen(bob);

  expect(await bob.api.refused(403, 'PATCH', path, { body: { archived: true } })).toMatchObject({ code: 'chat.not_an_admin' });
  expect(await owner.api.patch<Channel>(path, { archived: true })).toMatchObject({ archivedAt: expect.any(String) });
  expect(await bob.api.refused(409, 'POST', `${path}/messages`, { body: { body: 'late' } })).toMatchObject({
    code: 'chat.channel_archived',
  });
  await owner.api.patch(path, { archived: false });
  const message = await say(bob, channel.id, 'in time');
  await owner.api.delete(path);

  expect((await live.waitForEvent('chat.channel_deleted')).data['channelId']).toBe(channel.id);
  for (const { api } of [owner, bob]) {
    await api.refused(404, 'GET', path);
    await api.refused(404, 'GET', `/v1/messages/${message.id}`);
  }
});

it('shows who is taken out of a private channel that they were, and nothing after it', async () => {
  const owner = await newOrganization();
  const bob = await newColleague(owner);
  const channel = await newChannel(owner, 'private', bob);
  const live = await listen(bob);

  await owner.api.ok('DELETE', `/v1/channels/${channel.id}/members/${bob.user.id}`);
  await say(owner, channel.id, 'now we are alone');
  expect((await live.waitForEvent('chat.member_removed')).data).toMatchObject({
    channelId: channel.id,
    member: { kind: 'user', id: bob.user.id },
  });
  await say(bob, (await newChannel(bob)).id, 'elsewhere');
  await live.waitForEvent('chat.message_posted');

  expect(JSON.stringify(live.frames)).not.toContain('alone');
  await bob.api.refused(404, 'GET', `/v1/channels/${channel.id}`);
});
