import { randomBytes, randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { AgentId, ChannelId, LiveFrame, Message, MessageId, OrgId, Role, UserId } from '@atrium/contracts';
import { GranteesQueries, MembersQueries, TeamsQueries } from '@atrium/features/organizations';
import { Cipher } from '@atrium/platform/config';
import { Embeddings } from '@atrium/platform/ai';
import { Db } from '@atrium/platform/db';
import type { Durable } from '@atrium/platform/durable';
import { Events, type LoggedEvent, toLiveEvent } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import type { LiveBus, LiveTarget } from '@atrium/platform/realtime';
import { EmbeddingSpaces, QueryVectors, ReaderGrants, Retrieval, SearchIndex } from '@atrium/platform/search';
import { asAgent, type OrgContext, PrincipalDirectory, systemContext } from '@atrium/platform/tenancy';
import { testRun } from '../../../test/lib/run.js';
import { MemberNames } from '../organizations/member-names.js';
import { TeamRepository } from '../organizations/team.repository.js';
import { AnswerAudience } from './answer-audience.js';
import { AnswerReaders } from './answer-readers.service.js';
import { AnswerSourceRepository } from './answer-source.repository.js';
import { AnswersService } from './answers.service.js';
import { ChannelAudience } from './channel-audience.js';
import { ChannelErasure } from './channel-erasure.js';
import { ChannelGrants } from './channel-grants.js';
import { ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { ChannelsQueries } from './channels.queries.js';
import { ChannelsService } from './channels.service.js';
import { Departures } from './departures.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';
import { MessagesQueries } from './messages.queries.js';
import { MessagesService } from './messages.service.js';
import { ReadingService } from './reading.service.js';
import { Withholding } from './withholding.js';

const PAGE = { limit: 50 };
let chat: ReturnType<typeof assemble>;

beforeAll(() => {
  chat = assemble();
});
afterAll(() => chat.db.close());

/** The feature as its module puts it together, with the live bus and the owners of names written down. */
function assemble() {
  const { appUrl, systemUrl } = testRun().database;
  const metrics = new Metrics();
  const db = new Db({ appUrl, systemUrl, poolSize: 8, cipher: new Cipher(randomBytes(32)), log: new Log('fatal'), metrics });
  const events = new Events(metrics);
  const heard: LoggedEvent[] = [];
  events.listen((event) => heard.push(event));
  const nudges: { frame: LiveFrame; target: LiveTarget }[] = [];
  const live = { publish: (_org: OrgId, frame: LiveFrame, target: LiveTarget) => nudges.push({ frame, target }) } as unknown as LiveBus;
  const directory = new PrincipalDirectory();
  const agents = new Map<string, string>();
  directory.register({
    kind: 'agent',
    displayNames: async (_, ids) => new Map(ids.flatMap((id) => (agents.has(id) ? [[id, agents.get(id) ?? '']] : []))),
  });
  new MemberNames(db, events, directory).onModuleInit();
  const channelRows = new ChannelRepository();
  const members = new ChannelMemberRepository();
  const index = new SearchIndex();
  const units = new MessageUnits(index);
  const sources = new AnswerSourceRepository(index);
  const messageRows = new MessageRepository(events, units, sources);
  const grants = new ReaderGrants();
  new ChannelGrants(db, members, grants).onModuleInit();
  const teams = new TeamsQueries(db, events, new TeamRepository());
  const grantees = new GranteesQueries(db, teams, directory);
  const channels = new ChannelsService(db, events, channelRows, members, units, directory, grantees);
  const messages = new MessagesService(db, events, channelRows, members, messageRows, units, directory);
  const audience = new AnswerAudience(db, channelRows, members, new MembersQueries(db, events), teams);
  return {
    db,
    events,
    heard,
    nudges,
    agents,
    index,
    grants,
    retrieval: new Retrieval(db, new QueryVectors(new EmbeddingSpaces(db, new Embeddings()), new Log('fatal'))),
    channels,
    messages,
    answers: new AnswersService(db, events, channelRows, messageRows, sources, messages, units, directory),
    readers: new AnswerReaders(db, events, channelRows, messageRows, sources, units, directory),
    channelReads: new ChannelsQueries(db, events, channelRows, members, audience, directory),
    messageReads: new MessagesQueries(db, events, channelRows, messageRows, sources, new Withholding(grants), directory),
    reading: new ReadingService(db, events, channelRows, live),
    departures: new Departures(db, members, channels),
    erasure: new ChannelErasure(db, {} as Durable, channelRows, messageRows, units),
    rights: new ChannelAudience({ register: () => undefined } as never),
  };
}

interface Person {
  id: UserId;
  ctx: OrgContext;
}

/** An organization with its owner; `join` adds people. */
async function newOrg() {
  const orgId = uuidv7() as OrgId;
  const system = systemContext(orgId, 'test');
  await chat.db.inOrg(system, async (tx) => {
    await tx.organization.create({ data: { id: orgId, name: 'Acme' } });
    await chat.events.open(tx, system);
    // The app of the test run hears of this organization too: without this it brings its assistant into the channels, sooner or later.
    await tx.$executeRaw`INSERT INTO event_cursors (org_id, subscriber, seq) VALUES (${orgId}::uuid, 'agents.provision', ${2n ** 40n})`;
  });
  const join = async (role: Role, displayName: string): Promise<Person> => {
    const id = uuidv7() as UserId;
    await chat.db.inOrg(system, (tx) => tx.member.create({ data: { orgId, userId: id, email: `${id}@example.com`, displayName, role } }));
    const ctx: OrgContext = { ...system, principal: { kind: 'user', id, role, onBehalfOf: null } };
    return { id, ctx };
  };
  return { orgId, system, join, owner: await join('owner', 'Olivia Owner') };
}

/** A channel of the owner, with these members. */
async function newChannel(owner: Person, kind: 'public' | 'private' = 'public', ...others: Person[]): Promise<ChannelId> {
  const { id } = await chat.channels.create(owner.ctx, { name: `c ${randomUUID()}`, kind, topic: '', description: '' });
  for (const { id: memberId } of others) await chat.channels.addMember(owner.ctx, id, { kind: 'user', id: memberId, role: 'member' });
  return id;
}

async function newAgent(org: { system: OrgContext }, channelId: ChannelId, onBehalfOf: Person): Promise<OrgContext> {
  const id = uuidv7() as AgentId;
  chat.agents.set(id, 'Assistant');
  await chat.channels.addAgent(org.system, channelId, id);
  return asAgent(onBehalfOf.ctx, id, onBehalfOf.id, onBehalfOf.ctx.principal.role as Role);
}

const say = (person: Person, channelId: ChannelId, body: string, more: { threadId?: MessageId; clientId?: string } = {}) =>
  chat.messages.post(person.ctx, channelId, { body, ...more });
const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: { code?: string }) => error.code ?? error,
  );
const eventsOf = (subjectId: string, type?: string) =>
  chat.heard.filter((event) => event.subject.id === subjectId && (!type || event.type === type));
const bodies = (messages: Message[]) => messages.map(({ body }) => body);

describe('channels', () => {
  it('opens public channels to every member, who may read, but posts only after joining', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner);
    await say(owner, channelId, 'hello');

    expect((await chat.channelReads.list(bob.ctx, PAGE)).data).toMatchObject([{ id: channelId, role: null, memberCount: 1, unread: 0 }]);
    expect(bodies((await chat.messageReads.list(bob.ctx, channelId, PAGE)).data)).toEqual(['hello']);
    expect(await codeOf(say(bob, channelId, 'hi'))).toBe('chat.not_a_member');
    await chat.channels.addMember(bob.ctx, channelId, { kind: 'user', id: bob.id, role: 'member' });
    expect(await say(bob, channelId, 'hi')).toMatchObject({ author: { kind: 'user', id: bob.id, displayName: 'Bob' } });
  });

  it('hides private channels from everyone else, admins of the organization included, as if they were not there', async () => {
    const { owner, join } = await newOrg();
    const [bob, admin, stranger] = [await join('member', 'Bob'), await join('admin', 'Ada'), (await newOrg()).owner];
    const channelId = await newChannel(owner, 'private', bob);
    const { id } = await say(bob, channelId, 'secret');

    for (const outsider of [admin, stranger]) {
      const [missing, random] = [channelId, uuidv7() as ChannelId].map((which) =>
        chat.channelReads.get(outsider.ctx, which).catch((error: unknown) => error),
      );
      expect(await missing).toEqual(await random);
      expect((await chat.channelReads.list(outsider.ctx, PAGE)).data).toEqual([]);
      for (const attempt of [
        () => chat.messageReads.list(outsider.ctx, channelId, PAGE),
        () => say(outsider, channelId, 'x'),
        () => chat.channels.change(outsider.ctx, channelId, { name: 'mine' }),
        () => chat.channels.remove(outsider.ctx, channelId),
        () => chat.channels.addMember(outsider.ctx, channelId, { kind: 'user', id: outsider.id, role: 'member' }),
        () => chat.channels.removeMember(outsider.ctx, channelId, { kind: 'user', id: bob.id }),
        () => chat.reading.markRead(outsider.ctx, channelId, 1),
        () => chat.channelReads.grantsForAnswer(outsider.ctx, channelId),
      ]) {
        expect(await codeOf(attempt())).toBe('chat.channel_not_found');
      }
      for (const attempt of [
        () => chat.messageReads.get(outsider.ctx, id),
        () => chat.messageReads.thread(outsider.ctx, id, PAGE),
        () => chat.messageReads.revisions(outsider.ctx, id, PAGE),
        () => chat.messages.edit(outsider.ctx, id, { body: 'x' }),
        () => chat.messages.remove(outsider.ctx, id),
      ]) {
        expect(await codeOf(attempt())).toBe('chat.message_not_found');
      }
    }
  });

  it('shows guests only the channels that they are members of', async () => {
    const { owner, join } = await newOrg();
    const guest = await join('guest', 'Gus');
    const [open, joined] = [await newChannel(owner), await newChannel(owner, 'public', guest)];

    expect((await chat.channelReads.list(guest.ctx, PAGE)).data.map(({ id }) => id)).toEqual([joined]);
    expect(await codeOf(chat.messageReads.list(guest.ctx, open, PAGE))).toBe('chat.channel_not_found');
    expect(await codeOf(chat.channels.addMember(guest.ctx, open, { kind: 'user', id: guest.id, role: 'member' }))).toBe(
      'chat.channel_not_found',
    );
    expect(await say(guest, joined, 'hi')).toMatchObject({ body: 'hi' });
  });

  it('keeps public names unique in any case, and says nothing of private ones', async () => {
    const { owner } = await newOrg();
    const make = (name: string, kind: 'public' | 'private') => chat.channels.create(owner.ctx, { name, kind, topic: '', description: '' });
    await make('Plan', 'public');
    const other = await make('other', 'public');

    expect(await codeOf(make('pLAN', 'public'))).toBe('chat.channel_name_taken');
    expect(await codeOf(chat.channels.change(owner.ctx, other.id, { name: 'plan' }))).toBe('chat.channel_name_taken');
    expect(await make('plan', 'private')).toMatchObject({ role: 'admin', memberCount: 1 });
    // They look alike: the second has a variation selector.
    await make('漢', 'public');
    expect(await codeOf(make('漢\u{e0100}', 'public'))).toBe('chat.channel_name_taken');
  });

  it('lets only admins change a channel, tells what changed without its text, and tells nothing of no change', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner, 'public', bob);

    expect(await codeOf(chat.channels.change(bob.ctx, channelId, { topic: 'x' }))).toBe('chat.not_an_admin');
    expect(await chat.channels.change(owner.ctx, channelId, { topic: 'ship it', archived: true })).toMatchObject({ topic: 'ship it' });
    await chat.channels.change(owner.ctx, channelId, { topic: 'ship it', archived: true });

    const [event, ...more] = eventsOf(channelId, 'chat.channel_changed');
    expect(more).toEqual([]);
    expect(JSON.stringify(event?.data)).not.toContain('ship it');
    expect(event).toMatchObject({ text: { channel: { topic: 'ship it' } }, audience: `channel:${channelId}` });
    expect(await codeOf(say(bob, channelId, 'late'))).toBe('chat.channel_archived');
  });

  it('makes the person of longest standing admin when the last admin leaves', async () => {
    const { owner, join } = await newOrg();
    const [bob, cyd] = [await join('member', 'Bob'), await join('member', 'Cyd')];
    const channelId = await newChannel(owner, 'private', bob, cyd);

    await chat.channels.removeMember(owner.ctx, channelId, { kind: 'user', id: owner.id });

    expect((await chat.channelReads.listMembers(bob.ctx, channelId, PAGE)).data).toMatchObject([
      { id: bob.id, role: 'admin', displayName: 'Bob' },
      { id: cyd.id, role: 'member' },
    ]);
    expect(await codeOf(chat.channels.removeMember(cyd.ctx, channelId, { kind: 'user', id: bob.id }))).toBe('chat.not_an_admin');
    expect(await codeOf(chat.channels.removeMember(bob.ctx, channelId, { kind: 'user', id: owner.id }))).toBe('chat.member_not_found');
  });

  it('refuses a second membership and somebody of another organization', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner, 'private', bob);
    const add = (id: string) => chat.channels.addMember(owner.ctx, channelId, { kind: 'user', id, role: 'member' });

    expect(await codeOf(add(bob.id))).toBe('chat.already_member');
    expect(await codeOf(add((await newOrg()).owner.id))).toBe('chat.member_not_found');
    const agentId = uuidv7();
    chat.agents.set(agentId, 'Assistant');
    await expect(add(agentId)).rejects.toMatchObject({ message: 'That is an agent: add "kind": "agent".' });
  });

  it('takes in nobody who has left, although their name is remembered, nor do they make a channel', async () => {
    const { owner, join, orgId } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner, 'private');
    await newChannel(owner, 'public', bob);
    // By another process, of whose events this one has not heard.
    await chat.db.inOrg(owner.ctx, (tx) => tx.member.deleteMany({ where: { orgId, userId: bob.id } }));

    const adding = chat.channels.addMember(owner.ctx, channelId, { kind: 'user', id: bob.id, role: 'member' });
    expect(await codeOf(adding)).toBe('chat.member_not_found');
    expect(await codeOf(newChannel(bob, 'private'))).toBe('chat.member_not_found');
    expect((await chat.channelReads.listMembers(owner.ctx, channelId, PAGE)).data.map(({ id }) => id)).toEqual([owner.id]);
  });

  it.each(['public', 'private'] as const)('made by an agent are its person’s too: %s', async (kind) => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const agentId = uuidv7() as AgentId;
    const channelId = await newChannel({ ...bob, ctx: asAgent(bob.ctx, agentId, bob.id, 'member') }, kind);

    expect((await chat.channelReads.listMembers(bob.ctx, channelId, PAGE)).data).toMatchObject([
      { kind: 'agent', id: agentId, role: 'admin' },
      { kind: 'user', id: bob.id, role: 'admin' },
    ]);
    expect(eventsOf(channelId, 'chat.channel_created')[0]?.data['members']).toHaveLength(2);
    expect(await codeOf(chat.channelReads.get(owner.ctx, channelId))).toBe(kind === 'public' ? 'none' : 'chat.channel_not_found');
  });

  it('hides a removed channel at once, in search too, and takes away its messages, units and texts of events after that', async () => {
    const { orgId, system, owner } = await newOrg();
    const channelId = await newChannel(owner);
    const { id } = await say(owner, channelId, 'zanzibar');
    await say(owner, channelId, 'zanzibar too', { threadId: id });
    const search = async () =>
      (await chat.retrieval.search(owner.ctx, await chat.grants.of(owner.ctx), { query: 'zanzibar', limit: 5 })).length;
    const left = () =>
      chat.db.readInOrg(
        { orgId },
        (tx) =>
          tx.$queryRaw<{ rows: number; texts: number }[]>`
          SELECT (SELECT count(*)::int FROM search_units) + (SELECT count(*)::int FROM messages) + (SELECT count(*)::int FROM channels)
            + (SELECT count(*)::int FROM search_veils) AS rows, (SELECT count(*)::int FROM event_texts WHERE text IS NOT NULL AND subject_kind IN ('message', 'channel')) AS texts`,
      );
    expect(await search()).toBe(2);

    await chat.channels.remove(owner.ctx, channelId);

    expect(await codeOf(chat.messageReads.get(owner.ctx, id))).toBe('chat.message_not_found');
    expect(await codeOf(chat.channels.remove(owner.ctx, channelId))).toBe('chat.channel_not_found');
    expect((await chat.channelReads.list(owner.ctx, PAGE)).data).toEqual([]);
    expect(await search()).toBe(0);
    expect(eventsOf(channelId, 'chat.channel_deleted')).toHaveLength(1);

    for (let times = 0; times < 2; times++) while (await chat.erasure.eraseSome(system, channelId));
    expect(await left()).toEqual([{ rows: 0, texts: 0 }]);
  });

  it('takes who left the organization out of its channels', async () => {
    const { system, owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channels = [await newChannel(owner, 'private', bob), await newChannel(owner, 'public', bob)];

    for (let times = 0; times < 2; times++)
      await chat.departures.leaveChannels(system, { subject: { kind: 'user', id: bob.id } } as unknown as LoggedEvent);

    for (const channelId of channels) {
      expect((await chat.channelReads.listMembers(owner.ctx, channelId, PAGE)).data.map(({ id }) => id)).toEqual([owner.id]);
      expect(eventsOf(channelId, 'chat.member_removed')).toHaveLength(1);
    }
  });

  it('keeps the rights of live delivery, loaded or applied event by event, the same', async () => {
    const { system, owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const rights = await chat.db.readInOrg(system, (tx) => chat.rights.load(tx, system));
    const from = chat.heard.length;
    const channelId = await newChannel(owner, 'private', bob);
    await newAgent({ system }, channelId, owner);
    await chat.channels.remove(owner.ctx, await newChannel(owner));
    await chat.channels.removeMember(bob.ctx, channelId, { kind: 'user', id: bob.id });

    for (const event of chat.heard.slice(from)) chat.rights.apply(rights, event);

    expect(rights).toEqual(await chat.db.readInOrg(system, (tx) => chat.rights.load(tx, system)));
    expect([...rights.keys()]).toEqual([`channel:${channelId}`]);
  });
});

describe('messages', () => {
  it('answers the first message of one clientId, under 64 parallel posts', async () => {
    const { owner } = await newOrg();
    const channelId = await newChannel(owner);

    const posted = await Promise.all(Array.from({ length: 64 }, () => say(owner, channelId, 'once', { clientId: 'c1' })));

    expect(new Set(posted.map((message) => JSON.stringify(message))).size).toBe(1);
    expect((await chat.messageReads.list(owner.ctx, channelId, PAGE)).data).toEqual([posted[0]]);
    expect(eventsOf(posted[0]?.id ?? '')).toHaveLength(1);
  });

  it('refuses another message under a clientId that was used, but not what was edited or deleted since', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner, 'public', bob);
    const root = await say(owner, channelId, 'root');
    const first = await say(owner, channelId, 'one', { clientId: 'c1' });

    expect(await codeOf(say(owner, channelId, 'two', { clientId: 'c1' }))).toBe('chat.client_id_used');
    expect(await codeOf(say(owner, channelId, 'one', { clientId: 'c1', threadId: root.id }))).toBe('chat.client_id_used');
    expect(await say(bob, channelId, 'two', { clientId: 'c1' })).not.toMatchObject({ id: first.id });
    const edited = await chat.messages.edit(owner.ctx, first.id, { body: 'uno' });
    expect(await say(owner, channelId, 'one', { clientId: 'c1' })).toEqual(edited);
    expect(await codeOf(say(owner, channelId, 'uno', { clientId: 'c1' }))).toBe('chat.client_id_used');
    await chat.messages.remove(owner.ctx, first.id);
    expect(await say(owner, channelId, 'one', { clientId: 'c1' })).toMatchObject({ id: first.id, deletedAt: expect.any(String) });
  });

  it('gives a message the seq of its event, whose live shape is what a fetch gives', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob Builder');
    const channelId = await newChannel(owner, 'public', bob);
    const message = await say(owner, channelId, 'ask @bobbuilder, please', { clientId: 'c1' });

    const [event] = eventsOf(message.id);
    expect(event?.seq).toBe(message.seq);
    expect(event && toLiveEvent(event, new Set()).data['message']).toEqual(message);
    expect(await chat.messageReads.get(bob.ctx, message.id)).toEqual(message);
    expect(message.mentions).toEqual([{ kind: 'user', id: bob.id }]);
    expect(JSON.stringify(event?.data)).not.toMatch(/please|Olivia/);
  });

  it('pages newest first, or oldest first after a seq', async () => {
    const { owner } = await newOrg();
    const channelId = await newChannel(owner);
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await say(owner, channelId, `m${i}`));
    const read = (query: object) => chat.messageReads.list(owner.ctx, channelId, { limit: 2, ...query });

    const first = await read({});
    const second = await read({ cursor: first.nextCursor ?? '' });
    const third = await read({ cursor: second.nextCursor ?? '' });
    expect([...first.data, ...second.data, ...third.data].map(({ body }) => body)).toEqual(['m4', 'm3', 'm2', 'm1', 'm0']);
    expect(third.nextCursor).toBeNull();
    const after = await read({ after: all[0]?.seq });
    const more = await read({ after: all[0]?.seq, cursor: after.nextCursor ?? '' });
    expect(bodies([...after.data, ...more.data])).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(bodies((await read({ before: all[2]?.seq })).data)).toEqual(['m1', 'm0']);
  });

  it('keeps threads one level deep and counts their replies', async () => {
    const { owner } = await newOrg();
    const [channelId, elsewhere] = [await newChannel(owner), await newChannel(owner)];
    const root = await say(owner, channelId, 'root');
    const reply = await say(owner, channelId, 'reply', { threadId: root.id });

    expect(eventsOf(reply.id)[0]?.data).toMatchObject({ root: { id: root.id, replyCount: 1, lastReplyAt: reply.createdAt } });
    expect(await chat.messageReads.get(owner.ctx, root.id)).toMatchObject({ replyCount: 1, lastReplyAt: reply.createdAt });
    for (const id of [root.id, reply.id]) expect(bodies((await chat.messageReads.thread(owner.ctx, id, PAGE)).data)).toEqual(['reply']);
    expect(await codeOf(say(owner, channelId, 'x', { threadId: reply.id }))).toBe('chat.thread_not_found');
    expect(await codeOf(say(owner, elsewhere, 'x', { threadId: root.id }))).toBe('chat.thread_not_found');
    expect(await codeOf(say(owner, channelId, 'x', { threadId: uuidv7() as MessageId }))).toBe('chat.thread_not_found');
  });

  it('counts a reply no more once it is deleted, and lets nobody reply to a deleted message', async () => {
    const { owner } = await newOrg();
    const channelId = await newChannel(owner);
    const root = await say(owner, channelId, 'root');
    const [first, second] = [
      await say(owner, channelId, 'one', { threadId: root.id }),
      await say(owner, channelId, 'two', { threadId: root.id }),
    ];

    await chat.messages.remove(owner.ctx, second.id);
    const left = { replyCount: 1, lastReplyAt: first.createdAt };
    expect(await chat.messageReads.get(owner.ctx, root.id)).toMatchObject(left);
    expect(eventsOf(second.id, 'chat.message_deleted')[0]?.data).toMatchObject({ root: { id: root.id, ...left } });
    await chat.messages.remove(owner.ctx, first.id);
    expect(await chat.messageReads.get(owner.ctx, root.id)).toMatchObject({ replyCount: 0, lastReplyAt: null });

    await chat.messages.remove(owner.ctx, root.id);
    expect(await codeOf(say(owner, channelId, 'late', { threadId: root.id }))).toBe('chat.message_deleted');
  });

  it('keeps what an edit replaced, for its author only, and tells nothing of the same text', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner, 'public', bob);
    const message = await say(bob, channelId, 'teh');

    const edited = await chat.messages.edit(bob.ctx, message.id, { body: 'the' });
    await chat.messages.edit(bob.ctx, message.id, { body: 'the' });

    expect(edited).toMatchObject({ body: 'the', revision: 2, seq: message.seq, editedAt: expect.any(String) });
    expect(await codeOf(chat.messages.edit(owner.ctx, message.id, { body: 'x' }))).toBe('chat.not_the_author');
    expect((await chat.messageReads.revisions(owner.ctx, message.id, PAGE)).data).toMatchObject([{ revision: 1, body: 'teh' }]);
    expect(eventsOf(message.id, 'chat.message_edited')).toHaveLength(1);
    expect(await found(bob, 'teh')).toEqual([]);
    expect(await found(bob, 'the')).toEqual(['the']);
  });

  it('takes the text of a deleted message away everywhere, and leaves its place and replies', async () => {
    const { orgId, owner, join } = await newOrg();
    const [bob, cyd] = [await join('member', 'Bob'), await join('member', 'Cyd')];
    const channelId = await newChannel(owner, 'public', bob, cyd);
    const message = await say(bob, channelId, 'quetzalcoatl', { clientId: 'c1' });
    await chat.messages.edit(bob.ctx, message.id, { body: 'quetzalcoatl flies' });
    const reply = await say(cyd, channelId, 'wow', { threadId: message.id });

    expect(await codeOf(chat.messages.remove(cyd.ctx, message.id))).toBe('chat.not_an_admin');
    for (let times = 0; times < 2; times++) await chat.messages.remove(owner.ctx, message.id);

    const left = await chat.messageReads.get(cyd.ctx, message.id);
    expect(left).toMatchObject({ body: '', status: 'complete', deletedAt: expect.any(String), replyCount: 1, seq: message.seq });
    const [told, ...more] = eventsOf(message.id, 'chat.message_deleted');
    expect(more).toEqual([]);
    expect(told && toLiveEvent(told, new Set()).data['message']).toEqual(left);
    expect((await chat.messageReads.revisions(cyd.ctx, message.id, PAGE)).data).toEqual([]);
    expect(bodies((await chat.messageReads.thread(cyd.ctx, reply.id, PAGE)).data)).toEqual(['wow']);
    expect(await found(cyd, 'quetzalcoatl')).toEqual([]);
    const log = await chat.db.readInOrg({ orgId }, (tx) => chat.events.after(tx, { orgId }, 0, 100));
    expect(JSON.stringify(log)).not.toContain('quetzal');
    expect(await codeOf(chat.messages.edit(bob.ctx, message.id, { body: 'back' }))).toBe('chat.message_deleted');
  });

  it('lets readers of a channel find what was said there, and nobody else', async () => {
    const { owner, join } = await newOrg();
    const [bob, guest] = [await join('member', 'Bob'), await join('guest', 'Gus')];
    await say(owner, await newChannel(owner, 'private'), 'wombat one');
    await say(owner, await newChannel(owner, 'public'), 'wombat two');
    await say(owner, await newChannel(owner, 'public', guest), 'wombat three');

    expect((await found(owner, 'wombat')).sort()).toEqual(['wombat one', 'wombat three', 'wombat two']);
    expect((await found(bob, 'wombat')).sort()).toEqual(['wombat three', 'wombat two']);
    expect(await found(guest, 'wombat')).toEqual(['wombat three']);
    expect(await found((await newOrg()).owner, 'wombat')).toEqual([]);
  });
});

describe('what was read', () => {
  it('counts what others said since the marker, threads and mentions included, own and deleted not', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');
    const channelId = await newChannel(owner);
    await say(owner, channelId, 'before bob came');
    await chat.channels.addMember(bob.ctx, channelId, { kind: 'user', id: bob.id, role: 'member' });
    const root = await say(owner, channelId, 'one');
    await say(owner, channelId, 'hey @bob', { threadId: root.id });
    await say(bob, channelId, 'mine');
    await chat.messages.remove(owner.ctx, (await say(owner, channelId, 'gone')).id);
    const last = await say(owner, channelId, 'two');

    const unread = async () => (await chat.channelReads.unread(bob.ctx, PAGE)).data;
    expect(await unread()).toMatchObject([{ channelId, unread: 3, mentions: 1 }]);
    expect((await chat.channelReads.list(bob.ctx, PAGE)).data).toMatchObject([{ id: channelId, role: 'member', unread: 3, mentions: 1 }]);
    expect(await chat.reading.markRead(bob.ctx, channelId, root.seq)).toMatchObject({ unread: 2, mentions: 1, lastReadSeq: root.seq });
    const read = await chat.reading.markRead(bob.ctx, channelId, last.seq + 1_000);
    expect(read).toMatchObject({ unread: 0, mentions: 0 });
    // At most the log's end, which may be behind the message: the assistant of the organization comes when it comes.
    expect(read.lastReadSeq).toBeGreaterThanOrEqual(last.seq);
    expect(read.lastReadSeq).toBeLessThan(last.seq + 1_000);
    expect(await chat.reading.markRead(bob.ctx, channelId, 1)).toMatchObject({ unread: 0, lastReadSeq: read.lastReadSeq });
    await say(owner, channelId, 'three');
    expect(await unread()).toMatchObject([{ unread: 1, mentions: 0 }]);
    expect(chat.nudges.at(-1)).toEqual({
      frame: { type: 'live', kind: 'read', channelId, seq: read.lastReadSeq },
      target: { userId: bob.id },
    });
  });

  it('keeps no marker for who only looks', async () => {
    const { owner, join } = await newOrg();
    const bob = await join('member', 'Bob');

    expect(await codeOf(chat.reading.markRead(bob.ctx, await newChannel(owner), 1))).toBe('chat.not_a_member');
    expect((await chat.channelReads.unread(bob.ctx, PAGE)).data).toEqual([]);
  });
});

describe('answers', () => {
  type Org = Awaited<ReturnType<typeof newOrg>>;
  /** A document that may be found with these keys, as a source. */
  const newSource = async ({ system }: Org, ...grants: string[]) => {
    const subjectId = uuidv7();
    const unit = {
      id: uuidv7(),
      kind: 'document' as const,
      subjectId,
      ordinal: 0,
      title: 'Title',
      body: 'Text',
      grants,
      source: { documentId: subjectId },
    };
    await chat.db.inOrg(system, (tx) => chat.index.put(tx, system, [unit]));
    return { kind: 'document', subjectId, grants };
  };

  it('opens, grows and ends as one message', async () => {
    const org = await newOrg();
    const channelId = await newChannel(org.owner);
    const question = await say(org.owner, channelId, '@assistant why?');
    const agent = await newAgent(org, channelId, org.owner);
    const open = await newSource(org, 'org');
    const begin = () => chat.answers.openAnswer(agent, { channelId, threadId: question.id, clientId: 'turn 1' });

    const answer = await begin();
    expect(answer).toMatchObject({
      status: 'streaming',
      body: '',
      author: { kind: 'agent', displayName: 'Assistant' },
      threadId: question.id,
    });
    expect(await begin()).toEqual(answer);
    expect(await chat.answers.saveProgress(agent, answer.id, 'Because', [open])).toEqual([['org']]);
    expect(await chat.messageReads.get(org.owner.ctx, answer.id)).toMatchObject({ status: 'streaming', body: 'Because' });
    expect(await codeOf(chat.messages.edit(agent, answer.id, { body: 'x' }))).toBe('chat.message_streaming');
    const done = await chat.answers.complete(agent, answer.id, { body: 'Because of xylophones.', citations: [], sources: [open] });
    expect(await chat.answers.saveProgress(agent, answer.id, 'late')).toBeNull();
    expect(await chat.answers.fail(agent, answer.id, { body: '', status: 'failed' })).toEqual(done);

    expect(await chat.messageReads.get(org.owner.ctx, answer.id)).toEqual(done);
    expect(eventsOf(answer.id).map(({ type }) => type)).toEqual(['chat.message_posted', 'chat.message_completed']);
    expect(await found(org.owner, 'xylophones')).toEqual(['Because of xylophones.']);
  });

  it('withholds an answer from who lacks a grant of one source, in every read, live and in search', async () => {
    const org = await newOrg();
    const guest = await org.join('guest', 'Gus');
    const bob = await org.join('member', 'Bob');
    const channelId = await newChannel(org.owner, 'public', guest, bob);
    const root = await say(org.owner, channelId, '@assistant');
    const agent = await newAgent(org, channelId, org.owner);
    const sources = [await newSource(org, 'org'), await newSource(org, 'user:somebody')];
    const ask = async (clientId: string, body: string, ofThem: typeof sources) => {
      const { id } = await chat.answers.openAnswer(agent, { channelId, threadId: root.id, clientId });
      return chat.answers.complete(agent, id, { body, citations: [], sources: ofThem });
    };
    const open = await ask('1', 'platypus of the organization', sources.slice(0, 1));
    const secret = await ask('2', 'platypus of somebody', sources);

    const withheld = { body: '', citations: [], status: 'withheld' };
    for (const [reader, id] of [
      [guest, open.id],
      [guest, secret.id],
      [bob, secret.id],
    ] as const) {
      expect(await chat.messageReads.get(reader.ctx, id)).toMatchObject(withheld);
      for (const list of [chat.messageReads.list(reader.ctx, channelId, PAGE), chat.messageReads.thread(reader.ctx, root.id, PAGE)]) {
        expect((await list).data.find((message) => message.id === id)).toMatchObject(withheld);
      }
    }
    expect(await chat.messageReads.get(bob.ctx, open.id)).toEqual(open);
    const [event] = eventsOf(secret.id, 'chat.message_completed');
    expect(event && toLiveEvent(event, new Set(['org', `user:${bob.id}`]))).toMatchObject({ data: { message: withheld } });
    expect(event && toLiveEvent(event, new Set(['org', `user:${bob.id}`])).data['message']).toEqual(
      await chat.messageReads.get(bob.ctx, secret.id),
    );
    expect(event && JSON.stringify(toLiveEvent(event, null))).not.toMatch(/platypus|requires/);
    expect(await found(bob, 'platypus')).toEqual(['platypus of the organization']);
    expect(await found(guest, 'platypus')).toEqual([]);
  });

  describe('after a change of a source', () => {
    /** An answer made of one document of the organization, and who reads it. */
    async function newAnswer() {
      const org = await newOrg();
      const bob = await org.join('member', 'Bob');
      const channelId = await newChannel(org.owner, 'public', bob);
      const agent = await newAgent(org, channelId, org.owner);
      const source = await newSource(org, 'org');
      const { id } = await chat.answers.openAnswer(agent, { channelId, threadId: null, clientId: '1' });
      const regrant = (...grants: string[]) =>
        chat.db.inOrg(org.system, (tx) => chat.index.regrant(tx, org.system, 'document', source.subjectId, grants));
      const remove = () => chat.db.inOrg(org.system, (tx) => chat.index.removeSubject(tx, org.system, 'document', source.subjectId));
      const complete = () => chat.answers.complete(agent, id, { body: 'platypus', citations: [], sources: [source] });
      const logged = () => chat.db.readInOrg(org.system, (tx) => chat.events.after(tx, org.system, 0, 100));
      const texts = async () => (await logged()).filter(({ text }) => JSON.stringify(text).includes('platypus'));
      /** From the log: the app of the run follows the sources as well, and may be the first to tell. */
      const tellings = async () =>
        (await logged()).filter(({ subject, type }) => subject.id === id && type === 'chat.message_sources_changed');
      const follow = () => chat.readers.follow(org.system, id, null);
      return {
        org,
        bob,
        agent,
        id,
        source,
        regrant,
        remove,
        complete,
        texts,
        tellings,
        follow,
        read: (who: Person) => chat.messageReads.get(who.ctx, id),
      };
    }

    it('asks at every read who may read the source now, and follows in search and events', async () => {
      const { org, bob, id, regrant, complete, texts, tellings, read } = await newAnswer();
      const answer = await complete();
      await regrant(`user:${org.owner.id}`);

      expect(await read(bob)).toMatchObject({ status: 'withheld', body: '' });
      expect(await read(org.owner)).toEqual(answer);
      await chat.readers.follow(org.system, id, null);
      await chat.readers.follow(org.system, id, null);

      expect(await tellings()).toHaveLength(1);
      const withText = await texts();
      expect(withText.map(({ type }) => type)).toEqual(['chat.message_sources_changed']);
      const [telling] = withText;
      expect(telling && toLiveEvent(telling, new Set(['org'])).data['message']).toEqual(await read(bob));
      expect(telling && toLiveEvent(telling, new Set(['org', `user:${org.owner.id}`])).data['message']).toEqual(answer);
      expect(await found(bob, 'platypus')).toEqual([]);
    });

    it('comes back when access is given back', async () => {
      const { org, bob, id, regrant, complete, texts, read } = await newAnswer();
      const answer = await complete();
      await regrant(`user:${org.owner.id}`);
      await chat.readers.follow(org.system, id, null);
      await regrant('org');

      expect(await read(bob)).toEqual(answer);
      await chat.readers.follow(org.system, id, null);
      const [telling] = await texts();
      expect(telling && toLiveEvent(telling, new Set(['org'])).data['message']).toEqual(answer);
      expect(await found(bob, 'platypus')).toEqual(['platypus']);
    });

    it('loses its text everywhere, for everyone, when a source is gone', async () => {
      const { org, bob, id, source, remove, complete, texts, tellings, read } = await newAnswer();
      await complete();
      await remove();

      for (const reader of [bob, org.owner]) expect(await read(reader)).toMatchObject({ status: 'withheld', body: '' });
      await chat.readers.follow(org.system, id, source);
      await chat.readers.follow(org.system, id, source);

      expect(await texts()).toEqual([]);
      expect(await tellings()).toHaveLength(1);
      expect(await found(org.owner, 'platypus')).toEqual([]);
      const [row] = await chat.db.readInOrg(org.system, (tx) => tx.message.findMany({ where: { orgId: org.orgId, id } }));
      expect(row).toMatchObject({ body: '', citations: [], status: 'withheld' });
    });

    it('asks again when it ends, for what changed while it was written', async () => {
      const [narrower, gone] = [await newAnswer(), await newAnswer()];
      await narrower.regrant(`user:${narrower.org.owner.id}`);
      await narrower.complete();
      await gone.remove();
      await gone.complete();

      expect(await narrower.read(narrower.bob)).toMatchObject({ status: 'withheld' });
      expect(await narrower.read(narrower.org.owner)).toMatchObject({ status: 'complete', body: 'platypus' });
      const [event] = eventsOf(narrower.id, 'chat.message_completed');
      expect(event && JSON.stringify(toLiveEvent(event, new Set(['org'])))).not.toContain('platypus');
      expect(await gone.read(gone.org.owner)).toMatchObject({ status: 'withheld', body: '' });
      const [told] = eventsOf(gone.id, 'chat.message_completed');
      expect(told && JSON.stringify(toLiveEvent(told, new Set(['org', `user:${gone.org.owner.id}`])))).not.toContain('platypus');
      await gone.follow();
      expect(await gone.texts()).toEqual([]);
    });

    it('is withheld from everyone while a large source gets its grants, and comes back with them', async () => {
      const { org, bob, source, regrant, complete, follow, texts, tellings, read } = await newAnswer();
      const answer = await complete();
      const veil = { documentId: source.subjectId };
      await chat.db.inOrg(org.system, (tx) => chat.index.veil(tx, org.system, 'document', veil));

      for (const reader of [bob, org.owner]) expect(await read(reader)).toMatchObject({ status: 'withheld', body: '' });
      expect(await follow()).toBe(true);
      expect(await follow()).toBe(true);
      const [hidden] = await texts();
      expect(hidden && JSON.stringify(toLiveEvent(hidden, new Set(['org'])))).not.toContain('platypus');

      await regrant(`user:${org.owner.id}`);
      await chat.db.inOrg(org.system, (tx) => chat.index.unveil(tx, org.system, 'document', veil));
      expect(await follow()).toBe(false);
      expect(await read(org.owner)).toEqual(answer);
      expect(await read(bob)).toMatchObject({ status: 'withheld', body: '' });
      expect(await tellings()).toHaveLength(2);
    });

    it('keeps the sources of an answer that is given up', async () => {
      const { org, bob, agent, id, source, regrant, read } = await newAnswer();
      await chat.answers.saveProgress(agent, id, 'platypus', [source]);
      await regrant(`user:${org.owner.id}`);
      expect(await chat.answers.saveProgress(agent, id, 'platypus', [source])).toEqual([[`user:${org.owner.id}`]]);
      expect(await read(bob)).toMatchObject({ body: '' });
      await chat.answers.fail(agent, id, { body: 'platypus', status: 'failed' });

      expect(await read(bob)).toMatchObject({ status: 'withheld', body: '' });
      expect(await read(org.owner)).toMatchObject({ status: 'failed', body: 'platypus' });
    });
  });

  it('stops an answer that was deleted meanwhile', async () => {
    const org = await newOrg();
    const channelId = await newChannel(org.owner);
    const agent = await newAgent(org, channelId, org.owner);
    const { id } = await chat.answers.openAnswer(agent, { channelId, threadId: null, clientId: '1' });
    await chat.messages.remove(org.owner.ctx, id);

    expect(await chat.answers.saveProgress(agent, id, 'more')).toBeNull();
    expect(await codeOf(chat.answers.complete(agent, id, { body: 'x', citations: [], sources: [] }))).toBe('chat.message_deleted');
    expect(await chat.messageReads.get(org.owner.ctx, id)).toMatchObject({ body: '', status: 'cancelled' });
  });

  it('lets an agent end its answer after its person has left', async () => {
    const org = await newOrg();
    const bob = await org.join('member', 'Bob');
    const channelId = await newChannel(org.owner, 'private', bob);
    const agent = await newAgent(org, channelId, bob);
    const { id } = await chat.answers.openAnswer(agent, { channelId, threadId: null, clientId: '1' });
    await chat.channels.removeMember(bob.ctx, channelId, { kind: 'user', id: bob.id });

    expect(await chat.answers.fail(agent, id, { body: '', status: 'cancelled' })).toMatchObject({ status: 'cancelled' });
    expect(await chat.messageReads.get(org.owner.ctx, id)).toMatchObject({ status: 'cancelled' });
  });

  it('does not let an agent post where it is no member, or where its person may not read', async () => {
    const org = await newOrg();
    const bob = await org.join('member', 'Bob');
    const [channelId, secret] = [await newChannel(org.owner), await newChannel(org.owner, 'private')];
    const agent = asAgent(bob.ctx, (await newAgent(org, secret, org.owner)).principal.id as AgentId, bob.id, 'member');
    const open = (where: ChannelId) => chat.answers.openAnswer(agent, { channelId: where, threadId: null, clientId: '1' });

    expect(await codeOf(open(channelId))).toBe('chat.not_a_member');
    expect(await codeOf(open(secret))).toBe('chat.channel_not_found');
  });

  it('may use in a channel what everyone who reads it may read', async () => {
    const org = await newOrg();
    const [bob, guest] = [await org.join('member', 'Bob'), await org.join('guest', 'Gus')];
    const [open, alone, both, three] = [
      await newChannel(org.owner),
      await newChannel(org.owner, 'private'),
      await newChannel(org.owner, 'private', bob),
      await newChannel(org.owner, 'private', bob, guest),
    ];
    const keys = async (id: ChannelId) => (await chat.channelReads.grantsForAnswer(org.owner.ctx, id)).sort();
    const channel = (id: ChannelId) => `channel:${id}`;

    expect(await keys(open)).toEqual([channel(open), 'everyone', 'org'].sort());
    expect(await keys(alone)).toEqual([...[open, alone, both, three].map(channel), 'everyone', 'org', `user:${org.owner.id}`].sort());
    expect(await keys(both)).toEqual([channel(both), channel(three), 'everyone', 'org'].sort());
    expect(await keys(three)).toEqual([channel(three), 'everyone']);
  });
});

/** The bodies that a reader's search finds. */
async function found({ ctx }: Person, query: string): Promise<string[]> {
  const passages = await chat.retrieval.search(ctx, await chat.grants.of(ctx), { query, limit: 20 });
  return passages.map(({ body }) => body);
}
