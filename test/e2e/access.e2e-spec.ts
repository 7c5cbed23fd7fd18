import { randomUUID } from 'node:crypto';
import type {
  Access,
  AuditPage,
  Channel,
  CreatedApiKey,
  CreatedInvitation,
  Document,
  DocumentPage,
  LiveEvent,
  Memory,
  MemoryPage,
  Message,
  SearchResult,
  SignedIn,
  Team,
} from '@atrium/contracts';
import type { z } from 'zod';
import { anonymous, Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { ClientState, replayEqualsFetch } from '../lib/client-state.js';
import { LiveClient } from '../lib/live-client.js';

type Reader = Pick<Person, 'api'>;

const WORD = 'wombat';
const LEVELS = ['private', 'team', 'shared', 'organization', 'system'] as const;
type Level = (typeof LEVELS)[number];
/** Who reads what is owned by the author: on each level these, and nobody else. */
const READERS: Record<Level, readonly string[]> = {
  private: ['author'],
  team: ['author', 'teammate', 'guestInTeam'],
  shared: ['author', 'named', 'namedGuest'],
  organization: ['author', 'teammate', 'named', 'member', 'admin', 'owner'],
  system: ['author', 'teammate', 'guestInTeam', 'named', 'namedGuest', 'member', 'admin', 'owner', 'guest'],
};

async function ground() {
  const owner = await newOrganization();
  const [author, teammate, named, member, admin, guest, guestInTeam, namedGuest] = (await Promise.all(
    (['admin', 'member', 'member', 'member', 'admin', 'guest', 'guest', 'guest'] as const).map((role) => newColleague(owner, role)),
  )) as [Person, Person, Person, Person, Person, Person, Person, Person];
  const stranger = await newOrganization();
  const team = await newTeam(owner, teammate, guestInTeam);
  const people = { author, teammate, guestInTeam, named, namedGuest, member, admin, owner, guest, stranger };
  const access: Record<Level, Access> = {
    private: { level: 'private', grants: [] },
    team: { level: 'team', grants: [{ kind: 'team', id: team.id }] },
    shared: { level: 'shared', grants: [named, namedGuest].map(({ user }) => ({ kind: 'user', id: user.id })) },
    organization: { level: 'organization', grants: [] },
    system: { level: 'system', grants: [] },
  };
  return { people, team, access };
}

async function newTeam(owner: Person, ...people: Person[]): Promise<Team> {
  const team = await owner.api.post<Team>('/v1/teams', { name: `Team ${randomUUID().slice(0, 8)}` });
  for (const { user } of people) await owner.api.post(`/v1/teams/${team.id}/members`, { userId: user.id });
  return team;
}

async function newDocument({ api }: Reader, access: Access, text = `The ${WORD} of level ${access.level}.`): Promise<Document> {
  const { id } = await api.post<Document>('/v1/documents', { title: `A ${WORD}`, text, access });
  return eventually('the document is ready', async () => {
    const document = await api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'ready' && document;
  });
}
const withUser = ({ user }: Person): Access => ({ level: 'shared', grants: [{ kind: 'user', id: user.id }] });
const withTeam = ({ id }: Team): Access => ({ level: 'team', grants: [{ kind: 'team', id }] });

const listed = async ({ api }: Reader) => (await api.get<DocumentPage>('/v1/documents')).data.map(({ id }) => id);
const found = async ({ api }: Reader, query = WORD) => (await api.post<SearchResult>('/v1/search', { query })).data.map(({ id }) => id);
const mayGet = async ({ api }: Reader, id: string) => (await api.call('GET', `/v1/documents/${id}`)).status === 200;
const told = async ({ api }: Reader) => {
  const options = { query: { after: 0, limit: 500 }, headers: { accept: 'application/json' } };
  return (await api.ok<{ data: LiveEvent[] }>('GET', '/v1/events', options)).data;
};
/** The ids of the documents whose text is in what somebody is told. */
const readInEvents = (events: readonly LiveEvent[]) => [
  ...new Set(
    events.flatMap(({ type, data }) => {
      const { documentId, document } = data as { documentId?: string; document?: Partial<Document> };
      return type.startsWith('documents.') && document?.title !== undefined ? [documentId] : [];
    }),
  ),
];

describe('documents', () => {
  it('of each level are read, listed, found and told of by just those whom it means', async () => {
    const { people, access } = await ground();
    const lives = new Map<string, LiveClient>();
    for (const [who, { accessToken }] of Object.entries(people)) lives.set(who, await LiveClient.connect(accessToken));
    const documents = new Map<Level, string>();
    for (const level of LEVELS) {
      const document = await newDocument(people.author, access[level]);
      expect(document.access).toEqual(access[level]);
      documents.set(level, document.id);
    }
    await people.owner.api.patch('/v1/organization', { name: 'The End' });

    for (const [who, person] of Object.entries(people)) {
      const expected = LEVELS.filter((level) => READERS[level].includes(who)).map((level) => documents.get(level) ?? '');
      const readable: string[] = [];
      for (const id of documents.values()) {
        if (await mayGet(person, id)) readable.push(id);
        else {
          for (const path of ['/text', '/versions', '/chunks', '/content'])
            expect((await person.api.refused(404, 'GET', `/v1/documents/${id}${path}`)).code).toBe('documents.not_found');
        }
      }
      const hits = await found(person);
      expect({ who, readable, listed: await listed(person), found: hits.sort(), replayed: readInEvents(await told(person)) }).toEqual({
        who,
        readable: expected,
        listed: [...expected].reverse(),
        found: [...expected].sort(),
        replayed: expected,
      });
      const live = lives.get(who) as LiveClient;
      if (who !== 'stranger' && !who.toLowerCase().includes('guest')) await live.waitForEvent('organizations.renamed');
      else await eventually('all is told', () => Promise.resolve(readInEvents(live.events).length === expected.length));
      expect({ who, live: readInEvents(live.events) }).toEqual({ who, live: expected });
      await live.close();
    }
  }, 180_000);

  it('are changed by their owner and administrators who read them, and the system’s by administrators', async () => {
    const { people, access } = await ground();
    const { author, teammate, named, member, admin, guest } = people;
    const shared = await newDocument(member, withUser(named));
    const ofSystem = await newDocument(author, access.system);

    for (const [person, status] of [
      [named, 403],
      [admin, 404],
      [teammate, 404],
    ] as const) {
      await person.api.refused(status, 'PATCH', `/v1/documents/${shared.id}`, { body: { title: 'Mine' } });
      await person.api.refused(status, 'DELETE', `/v1/documents/${shared.id}`);
    }
    for (const body of [{ access: 'system' }, { access: { level: 'system', grants: [] } }])
      expect(await member.api.refused(403, 'PATCH', `/v1/documents/${shared.id}`, { body })).toMatchObject({
        code: 'documents.admins_only',
      });
    expect(await member.api.refused(403, 'POST', '/v1/documents', { body: { title: 'x', text: 'x', access: 'system' } })).toMatchObject({
      code: 'documents.admins_only',
    });
    await member.api.refused(403, 'DELETE', `/v1/documents/${ofSystem.id}`);
    await guest.api.refused(403, 'PATCH', `/v1/documents/${ofSystem.id}`, { body: { title: 'Mine' } });
    await people.owner.api.patch(`/v1/members/${author.user.id}`, { role: 'member' });
    const demoted = await anonymous().post<SignedIn>('/v1/auth/login', { email: author.email, password: author.password });
    expect(
      await new Api(demoted.accessToken).refused(403, 'PATCH', `/v1/documents/${ofSystem.id}`, { body: { access: 'private' } }),
    ).toMatchObject({ code: 'documents.admins_only' });
    expect((await admin.api.patch<Document>(`/v1/documents/${ofSystem.id}`, { title: 'Ours' })).title).toBe('Ours');
  });

  it('take their readers from a form too', async () => {
    const { people, team } = await ground();
    const form = (access: string) => {
      const data = new FormData();
      data.append('file', new Blob(['The quokka smiles.']), 'quokka.txt');
      data.append('access', access);
      return { body: data };
    };
    const { id, access } = await people.member.api.ok<Document>('POST', '/v1/documents', form(JSON.stringify(withTeam(team))));

    expect(access).toEqual(withTeam(team));
    expect(await Promise.all([people.teammate, people.admin].map((person) => mayGet(person, id)))).toEqual([true, false]);
    for (const bad of [
      'team',
      'public',
      '{',
      '{"level":"private"',
      '["private"]',
      '{"level":"shared"}',
      '{"level":"private","grants":[],"owner":1}',
    ])
      expect((await people.member.api.refused(400, 'POST', '/v1/documents', form(bad))).code).toBe('request.invalid');
  });

  it('name nobody who is not of the organization, and nothing that is no access', async () => {
    const { people, team } = await ground();
    const { member, named, stranger } = people;
    const { id } = await newDocument(member, withUser(named));
    const theirs = await newTeam(stranger);
    const grants = [
      { kind: 'user', id: stranger.user.id },
      { kind: 'user', id: randomUUID() },
      { kind: 'user', id: team.id },
      { kind: 'team', id: theirs.id },
      { kind: 'team', id: named.user.id },
      { kind: 'agent', id: named.user.id },
    ];
    for (const grant of grants) {
      const body = {
        access: {
          level: grant.kind === 'team' ? 'team' : 'shared',
          grants: [{ kind: 'user', id: named.user.id }, grant].slice(grant.kind === 'team' ? 1 : 0),
        },
      };
      const pointer = `/access/grants/${grant.kind === 'team' ? 0 : 1}`;
      for (const refusal of [
        await member.api.refused(404, 'PATCH', `/v1/documents/${id}`, { body }),
        await member.api.refused(404, 'POST', '/v1/documents', { body: { title: 'x', text: 'x', ...body } }),
      ])
        expect(refusal).toMatchObject({ code: 'documents.principal_not_found', errors: [{ pointer }] });
    }
    const one = { kind: 'user', id: named.user.id };
    const hostile: unknown[] = [
      'team',
      'shared',
      'public',
      '__proto__',
      null,
      [],
      { level: 'shared' },
      { level: 'shared', grants: [] },
      { level: 'private', grants: [one] },
      { level: 'team', grants: [one] },
      { level: 'shared', grants: [{ ...one, id: `${one.id} team:${team.id}` }] },
      { level: 'shared', grants: [{ ...one, kind: 'channel' }] },
      { level: 'shared', grants: [{ ...one, kind: 'org' }] },
      { level: 'shared', grants: [{ ...one, role: 'owner' }] },
      { level: 'shared', grants: [one], readers: ['everyone'] },
      { level: 'shared', grants: Array.from({ length: 51 }, () => one) },
    ];
    for (const access of hostile) {
      const { code } = await member.api.refused(400, 'PATCH', `/v1/documents/${id}`, { body: { access } });
      expect([access, code]).toEqual([access, 'request.invalid']);
    }
    expect((await member.api.get<Document>(`/v1/documents/${id}`)).access).toEqual(withUser(named));
  });

  it('leave who leaves the team, live and in what was told before', async () => {
    const { people, team } = await ground();
    const { owner, author, teammate } = people;
    const live = await LiveClient.connect(teammate.accessToken);
    const { id } = await newDocument(author, withTeam(team));
    await live.waitForEvent('documents.ready');

    await owner.api.delete(`/v1/teams/${team.id}/members/${teammate.user.id}`);
    await live.waitForEvent('organizations.team_member_removed');
    await author.api.patch(`/v1/documents/${id}`, { title: 'What they do not know' });
    await owner.api.patch('/v1/organization', { name: 'The End' });
    await live.waitForEvent('organizations.renamed');

    expect(JSON.stringify(live.events)).not.toContain('What they do not know');
    expect([await mayGet(teammate, id), await listed(teammate), await found(teammate)]).toEqual([false, [], []]);
    expect(readInEvents(await told(teammate))).toEqual([]);
    await live.close();
  });

  it('tell those who lose them so, without text and without who reads them now', async () => {
    const { people, access } = await ground();
    const { author, named, namedGuest, member, teammate } = people;
    const readers = [
      { ...author, self: { id: author.user.id, role: 'admin' } },
      { ...named, self: { id: named.user.id, role: 'member' } },
      { ...namedGuest, self: { id: namedGuest.user.id, role: 'guest' } },
      { ...member, self: { id: member.user.id, role: 'member' } },
    ];
    const lives = await Promise.all(readers.map(({ accessToken }) => LiveClient.connect(accessToken)));
    const states = await Promise.all(readers.map(({ api, self }) => ClientState.fetch(api, self)));
    const { id } = await newDocument(author, access.shared);

    const set = (next: Access, title: string) => author.api.patch<Document>(`/v1/documents/${id}`, { access: next, title });
    await set(access.organization, 'For all');
    await set(withUser(namedGuest), 'For the guest');
    await set(withUser(teammate), 'For the teammate');

    for (const [at, { api, self }] of readers.entries()) {
      const live = lives[at] as LiveClient;
      if (at !== 3)
        await eventually('all changes are told', () =>
          Promise.resolve(live.events.filter(({ type }) => type === 'documents.changed').length >= (at === 1 ? 2 : 3)),
        );
      await replayEqualsFetch(states[at] as ClientState, live.events, api, self);
      if (at > 0) expect(JSON.stringify(live.events)).not.toContain('For the teammate');
      if (at > 0) expect(JSON.stringify(live.events)).not.toContain(teammate.user.id);
      expect(readInEvents(await told({ api }))).toEqual(at === 0 ? [id] : []);
      await live.close();
    }
    const audit = await people.owner.api.get<z.infer<typeof AuditPage>>('/v1/audit', { subjectId: id });
    expect(JSON.stringify(audit)).not.toContain(teammate.user.id);
    expect(audit.data[0]).toMatchObject({ type: 'documents.changed', changes: { accessGrants: ['[text]', '[text]'] } });
  });

  it('shared with an agent are read through it only', async () => {
    const { people } = await ground();
    const { author, owner } = people;
    const agentId = (
      await eventually('the assistant', async () => (await author.api.get<{ data: { id: string }[] }>('/v1/agents')).data[0])
    ).id;
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'agent', agentId });
    const { id } = await newDocument(author, { level: 'shared', grants: [{ kind: 'agent', id: agentId }] });

    const agent = { api: new Api(key) };

    expect([await mayGet(agent, id), await listed(agent), await found(agent)]).toEqual([true, [id], [id]]);
    expect([await mayGet(owner, id), await listed(owner), await found(owner)]).toEqual([false, [], []]);
  });
});

describe('answers', () => {
  const SECRET = 'launch code of the platypus is 4711';
  const WITHHELD = { status: 'withheld', body: '', citations: [] };

  /** A channel with the assistant and these people. */
  async function newChannel(owner: Person, kind: 'public' | 'private', ...people: Person[]): Promise<Channel> {
    const assistant = await eventually(
      'the assistant',
      async () => (await owner.api.get<{ data: { id: string }[] }>('/v1/agents')).data[0],
    );
    const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}`, kind });
    const members = `/v1/channels/${channel.id}/members`;
    if (kind === 'private') await owner.api.post(members, { kind: 'agent', id: assistant.id });
    for (const { user } of people) await owner.api.post(members, { id: user.id });
    await eventually('the assistant joins', async () =>
      (await owner.api.get<{ data: { kind: string }[] }>(members)).data.some((member) => member.kind === 'agent'),
    );
    return channel;
  }

  async function ask({ api }: Reader, channel: Channel): Promise<Message> {
    const body = '@assistant What is the launch code of the platypus?';
    const question = await api.post<Message>(`/v1/channels/${channel.id}/messages`, { body });
    return eventually('an answer', async () => {
      const { data } = await api.get<{ data: Message[] }>(`/v1/messages/${question.id}/thread`);
      return data.find((message) => message.author.kind === 'agent' && message.status !== 'streaming');
    });
  }
  const read = ({ api }: Reader, { id }: Message) => api.get<Message>(`/v1/messages/${id}`);
  const nothing = /^I found nothing about this/;

  it('in a channel of teammates use what their team has, and leave who leaves the team', async () => {
    const { people, team } = await ground();
    const { owner, author, teammate, guestInTeam, member } = people;
    await owner.api.post(`/v1/teams/${team.id}/members`, { userId: owner.user.id });
    const document = await newDocument(author, withTeam(team), `The ${SECRET}.`);
    const [ours, wider, open] = [
      await newChannel(owner, 'private', teammate, guestInTeam),
      await newChannel(owner, 'private', teammate, member),
      await newChannel(owner, 'public'),
    ];

    const answer = await ask(owner, ours);

    expect(answer).toMatchObject({ status: 'complete', body: expect.stringContaining(SECRET) as string });
    expect(answer.citations[0]).toMatchObject({ documentId: document.id });
    for (const channel of [wider, open]) expect((await ask(owner, channel)).body).toMatch(nothing);
    for (const person of [teammate, guestInTeam]) expect(await read(person, answer)).toEqual(answer);

    const live = await LiveClient.connect(teammate.accessToken);
    await owner.api.delete(`/v1/teams/${team.id}/members/${teammate.user.id}`);
    expect(await read(teammate, answer)).toMatchObject(WITHHELD);
    expect(await read(guestInTeam, answer)).toEqual(answer);
    expect(JSON.stringify(await told(teammate))).not.toContain(SECRET);

    await author.api.patch(`/v1/documents/${document.id}`, { access: withUser(teammate) });
    const heard = await live.waitForEvent('chat.message_sources_changed', ({ subject }) => subject.id === answer.id);
    expect(heard.data['message']).toEqual(answer);
    expect(await read(teammate, answer)).toEqual(answer);
    for (const person of [owner, guestInTeam]) {
      expect(await read(person, answer)).toMatchObject(WITHHELD);
      expect(JSON.stringify(await told(person))).not.toContain(SECRET);
    }
    await live.close();
  }, 120_000);

  it('use what is remembered, as far as all who read them may, and follow it', async () => {
    const { people } = await ground();
    const { owner, member, guest } = people;
    const channel = await newChannel(owner, 'public', guest, member);
    const secret = await member.api.post<Memory>('/v1/memories', { content: `The ${SECRET}` });
    expect((await ask(member, channel)).body).toMatch(nothing);
    await owner.api.post('/v1/namespaces', { name: 'plans', access: 'organization' });
    const fact = { content: `The ${SECRET}`, subject: 'platypus', predicate: 'launch code', namespace: 'plans' };
    const { id, namespaceId } = await owner.api.post<Memory>('/v1/memories', fact);

    const answer = await ask(member, channel);

    expect(answer.body).toContain(`“The ${SECRET}” [1] (memory: platypus · launch code)`);
    expect(answer.citations).toMatchObject([{ kind: 'memory', memoryId: id }]);
    expect(await read(guest, answer)).toMatchObject(WITHHELD);
    const live = await LiveClient.connect(member.accessToken);
    const heard = () =>
      eventually('the answer follows', () =>
        Promise.resolve(
          live.events.filter(({ type, subject }) => type === 'chat.message_sources_changed' && subject.id === answer.id).at(-1),
        ),
      );
    await owner.api.patch(`/v1/namespaces/${namespaceId}`, { access: 'private' });
    expect(await read(member, answer)).toMatchObject(WITHHELD);
    expect(await read(owner, answer)).toEqual(answer);
    expect((await heard()).data['message']).toMatchObject(WITHHELD);
    await eventually('its text is erased', async () => !JSON.stringify(await told(member)).includes(`“The ${SECRET}`));

    await owner.api.delete(`/v1/memories/${id}`);
    for (const person of [owner, member, guest]) expect(await read(person, answer)).toMatchObject(WITHHELD);
    await eventually('its text is gone', async () => !JSON.stringify(await told(owner)).includes(`“The ${SECRET}`));
    expect((await member.api.get<Memory>(`/v1/memories/${secret.id}`)).content).toBe(`The ${SECRET}`);
    await live.close();
  });

  it('use what is the system’s for guests too', async () => {
    const { people, access } = await ground();
    const { owner, author, guest } = people;
    await newDocument(author, access.system, `The ${SECRET}.`);
    const channels = [await newChannel(owner, 'private', guest), await newChannel(owner, 'public', guest)];

    for (const channel of channels) {
      const answer = await ask(guest, channel);

      expect(answer).toMatchObject({ status: 'complete', body: expect.stringContaining(SECRET) as string });
      expect(await found(guest, 'platypus launch')).toContain(answer.id);
      await people.member.api.refused(channel === channels[0] ? 404 : 200, 'GET', `/v1/messages/${answer.id}`);
    }
  });
});

describe('who leaves the organization', () => {
  /** The same account in the organization again. */
  async function invitedAgain(owner: Person, { email, password }: Person): Promise<Reader> {
    const { token } = await owner.api.post<CreatedInvitation>('/v1/invitations', { email, role: 'member' });
    const { accessToken } = await anonymous().post<SignedIn>('/v1/invitations/accept', { token, password, displayName: 'Back' });
    return { api: new Api(accessToken) };
  }

  it('is shared with no longer, and finds nothing of it when invited again', async () => {
    const { people, team } = await ground();
    const { owner, author, named, namedGuest } = people;
    const document = await newDocument(author, withUser(named));
    const both = await newDocument(author, {
      level: 'shared',
      grants: [
        { kind: 'user', id: named.user.id },
        { kind: 'team', id: team.id },
      ],
    });
    const remember = (content: string, access: Access, more: object = {}) =>
      author.api.post<Memory>('/v1/memories', { content, access, ...more });
    await author.api.post('/v1/namespaces', { name: 'ours', access: withUser(named) });
    const memory = await remember(`The ${WORD} sleeps`, withUser(named));
    const twin = await remember(`The ${WORD} eats`, { level: 'private', grants: [] });
    const again = await remember(`The ${WORD} eats`, withUser(named));
    const inherited = await author.api.post<Memory>('/v1/memories', { content: `The ${WORD} digs`, namespace: 'ours' });
    expect((await found(named)).length).toBe(5);

    await owner.api.delete(`/v1/members/${named.user.id}`);
    await owner.api.delete(`/v1/teams/${team.id}`);

    const accessOf = async (path: string) => (await author.api.get<{ access: Access }>(path)).access;
    const alone = { level: 'private', grants: [] };
    await eventually('all is withdrawn', async () =>
      (await Promise.all([`/v1/memories/${inherited.id}`, `/v1/documents/${both.id}`].map(accessOf))).every(
        ({ level }) => level === 'private',
      ),
    );
    for (const path of [
      `/v1/documents/${document.id}`,
      `/v1/memories/${memory.id}`,
      `/v1/memories/${again.id}`,
      `/v1/namespaces/${inherited.namespaceId}`,
    ])
      expect([path, await accessOf(path)]).toEqual([path, alone]);
    expect(await author.api.get<Memory>(`/v1/memories/${again.id}`)).toMatchObject({ supersededBy: twin.id });
    const { data: kept } = await author.api.get<z.infer<typeof MemoryPage>>('/v1/memories');
    expect(kept.map(({ id }) => id)).toEqual([inherited.id, twin.id, memory.id]);
    const back = await invitedAgain(owner, named);
    expect([await found(back), await listed(back), readInEvents(await told(back))]).toEqual([[], [], []]);
    expect((await back.api.get<z.infer<typeof MemoryPage>>('/v1/memories')).data).toEqual([]);
    expect(JSON.stringify(await told(back))).not.toContain(WORD);
    await namedGuest.api.refused(404, 'GET', `/v1/documents/${document.id}`);
  });
});
