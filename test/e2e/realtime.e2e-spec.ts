import { randomUUID } from 'node:crypto';
import type { Channel, CreatedApiKey, EventsPage, EventsTicket, LiveEvent, Message, Role, ServerFrame } from '@atrium/contracts';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { ClientState, replayEqualsFetch } from '../lib/client-state.js';
import { LiveClient } from '../lib/live-client.js';
import { testRun } from '../lib/run.js';

/** Deadlines of behaviour are tested with threefold slack. Milliseconds. */
const REVOKED_MS = 6_000;

const newChannel = (person: Person, kind: 'public' | 'private' = 'public') =>
  person.api.post<Channel>('/v1/channels', { name: `c-${randomUUID().slice(0, 8)}`, kind });
const post = (person: Person, channel: Channel, body: string, more: object = {}) =>
  person.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body, ...more });
const add = (person: Person, channel: Channel, who: Person) => person.api.post(`/v1/channels/${channel.id}/members`, { id: who.user.id });
const selfOf = (person: Person, role: Role) => ({ id: person.user.id, role });

/** Waits until the client has got an event that was told after everything before this call. */
async function settled(owner: Person, ...clients: LiveClient[]): Promise<void> {
  const before = Math.max(...clients.map((client) => client.position));
  await owner.api.patch('/v1/organization', { name: `Name ${randomUUID().slice(0, 8)}` });
  const mark = (await pages(owner, before)).findLast((event) => event.type === 'organizations.renamed');
  await Promise.all(clients.map((client) => client.waitForEvent('organizations.renamed', ({ seq }) => seq === mark?.seq)));
}

describe('a client that keeps up', () => {
  it('has at the end what a fresh fetch gives, whoever it is', async () => {
    const owner = await newOrganization();
    const [member, guest] = [await newColleague(owner), await newColleague(owner, 'guest')];
    const people = [selfOf(owner, 'owner'), selfOf(member, 'member'), selfOf(guest, 'guest')].map((self, index) => ({
      self,
      person: [owner, member, guest][index] ?? owner,
    }));
    const plan = await newChannel(owner);
    await post(owner, plan, 'before');
    const clients = await Promise.all(people.map(({ person }) => LiveClient.connect(person.accessToken)));
    const starts = clients.map((client) => client.position);
    const states = await Promise.all(people.map(({ person, self }) => ClientState.fetch(person.api, self)));

    const secret = await newChannel(member, 'private');
    const root = await post(owner, plan, 'Shall we?');
    await add(owner, plan, member);
    await post(member, plan, 'Yes.', { threadId: root.id });
    await add(member, secret, guest);
    const slip = await post(guest, secret, 'I typed ths');
    await guest.api.patch(`/v1/messages/${slip.id}`, { body: 'I typed this' });
    await add(member, secret, owner);
    await member.api.delete(`/v1/channels/${secret.id}/members/${guest.user.id}`);
    await post(member, secret, 'Only us now.');
    const wrong = await post(member, plan, 'delete me');
    await member.api.delete(`/v1/messages/${wrong.id}`);
    await owner.api.patch(`/v1/channels/${plan.id}`, { topic: 'A topic' });
    const brief = await newChannel(owner, 'private');
    await post(owner, brief, 'gone soon');
    await owner.api.delete(`/v1/channels/${brief.id}`);
    await member.api.patch('/v1/me', { displayName: 'Marie Mended' });
    await owner.api.post('/v1/documents', { title: 'Notes', text: 'Some notes to keep.' });
    await settled(owner, ...clients.slice(0, 2));
    await post(owner, plan, 'the end');
    await eventually('ingestion', async () =>
      (await owner.api.get<{ data: { status: string }[] }>('/v1/documents')).data.every(({ status }) => status !== 'processing'),
    );
    await settled(owner, ...clients.slice(0, 2));

    for (const [index, { person, self }] of people.entries()) {
      const client = clients[index] as LiveClient;
      expect(client.brokenLinks(starts[index] ?? 0)).toEqual([]);
      await replayEqualsFetch(states[index] as ClientState, client.events, person.api, self);
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  it('gets after a pause exactly what one that stayed got, by socket, stream and pages', async () => {
    const owner = await newOrganization();
    const channel = await newChannel(owner);
    const stayed = await LiveClient.connect(owner.accessToken);
    const left = await LiveClient.connect(owner.accessToken);
    await post(owner, channel, 'first');
    const { seq } = await left.waitForEvent('chat.message_posted');
    await left.close();
    for (let n = 0; n < 30; n++) await post(owner, channel, `while away ${n}`);
    const back = await LiveClient.connect(owner.accessToken, { resumeFrom: seq });
    await post(owner, channel, 'last');
    await settled(owner, stayed, back);
    const missed = stayed.events.filter((event) => event.seq > seq);
    const paged = await pages(owner, seq);
    const streamed = await readStream(owner, { 'last-event-id': String(seq) }, missed.length);

    expect(back.brokenLinks(seq)).toEqual([]);
    expect(back.events).toEqual(missed);
    expect(paged).toEqual(missed);
    expect(streamed.events).toEqual(missed);
    await Promise.all([stayed.close(), back.close()]);
  });

  it('posts over the socket, and hears of it like everybody', async () => {
    const owner = await newOrganization();
    const channel = await newChannel(owner);
    const client = await LiveClient.connect(owner.accessToken);
    const frame = { type: 'message.post', channelId: channel.id, body: 'over the wire', clientId: 'c1' } as const;
    const first = await client.say(frame);
    const second = await client.say(frame);
    const event = await client.waitForEvent('chat.message_posted');

    expect(first).toMatchObject({ type: 'ack', result: { body: 'over the wire', author: { id: owner.user.id } } });
    expect(second).toMatchObject({ result: { id: resultOf(first).id } });
    expect(event.data).toMatchObject({ message: { body: 'over the wire', clientId: 'c1' } });
    await client.close();
  });
});

describe('nobody else', () => {
  it('hears anything of another organization, nor learns which channels it has', async () => {
    const [owner, stranger] = [await newOrganization(), await newOrganization()];
    const theirs = await Promise.all(
      [stranger, await newColleague(stranger), await newColleague(stranger, 'guest')].map((each) => LiveClient.connect(each.accessToken)),
    );
    const starts = theirs.map((client) => client.eventFrames.length);
    const secret = `canary-${randomUUID()}`;
    const channel = await newChannel(owner);
    const mine = await LiveClient.connect(owner.accessToken);
    await mine.subscribe(channel.id);
    for (let n = 0; n < 20; n++) await post(owner, channel, `${secret} ${n}`);
    await mine.say({ type: 'typing', channelId: channel.id } as never);
    await mine.say({ type: 'presence', status: 'online' });
    await mine.waitForEvent('chat.message_posted', (event) => JSON.stringify(event).includes(`${secret} 19`));

    for (const [index, client] of theirs.entries()) {
      for (const type of ['subscribe', 'typing', 'message.post'] as const) {
        const about = (channelId: string) => client.say({ type, channelId, ...(type === 'message.post' ? { body: 'x' } : {}) } as never);
        const [foreign, unknown] = [await about(channel.id), await about(randomUUID())];
        expect(withoutIds(foreign)).toEqual(withoutIds(unknown));
        expect(foreign).toMatchObject({ type: 'error', problem: { code: 'chat.channel_not_found' } });
      }
      expect(client.eventFrames.length).toBe(starts[index]);
      expect(JSON.stringify(client.frames)).not.toContain(secret);
      expect(client.frames.some((frame) => frame.type === 'live')).toBe(false);
    }
    await Promise.all([mine, ...theirs].map((client) => client.close()));
  });

  it('hears of a private channel; who is removed hears that, and nothing after', async () => {
    const owner = await newOrganization();
    const [member, other] = [await newColleague(owner), await newColleague(owner)];
    const clients = await Promise.all([owner, member, other].map((each) => LiveClient.connect(each.accessToken)));
    const channel = await newChannel(owner, 'private');
    await add(owner, channel, member);
    await post(owner, channel, 'one');
    await owner.api.delete(`/v1/channels/${channel.id}/members/${member.user.id}`);
    await post(owner, channel, 'two');
    await settled(owner, ...clients);

    const seen = clients.map((client) =>
      client.events.filter((event) => event.type.startsWith('chat.')).map((event) => event.type.slice(5)),
    );
    expect(seen).toEqual([
      ['channel_created', 'member_added', 'message_posted', 'member_removed', 'message_posted'],
      ['member_added', 'message_posted', 'member_removed'],
      [],
    ]);
    await Promise.all(clients.map((client) => client.close()));
  });
});

describe('a connection ends', () => {
  it('when its session does', async () => {
    const owner = await newOrganization();
    const client = await LiveClient.connect(owner.accessToken);
    const stream = await fetch(new URL('/v1/events', testRun().baseUrl), { headers: streamHeaders(owner) });
    await owner.api.call('POST', '/v1/auth/logout', { body: { refreshToken: owner.refreshToken } });
    const ended = Promise.race([stream.text(), new Promise<string>((resolve) => setTimeout(resolve, REVOKED_MS, 'still open').unref())]);

    expect((await client.waitForClose(REVOKED_MS)).code).toBe(4401);
    expect(await ended).not.toBe('still open');
    const again = await LiveClient.open();
    expect(await again.auth(owner.accessToken)).toMatchObject({ type: 'error', problem: { code: 'auth.invalid_token' } });
    expect((await again.waitForClose()).code).toBe(4401);
  });

  it('when its person is removed, after they were told', async () => {
    const owner = await newOrganization();
    const [member, guest] = [await newColleague(owner), await newColleague(owner, 'guest')];
    const clients = await Promise.all([member, guest].map((each) => LiveClient.connect(each.accessToken)));
    for (const { user } of [member, guest]) await owner.api.delete(`/v1/members/${user.id}`);

    for (const client of clients) {
      expect((await client.waitForClose(REVOKED_MS)).code).toBe(4401);
      expect(client.events.some((event) => event.type === 'organizations.member_removed')).toBe(true);
    }
  });

  it('when its API key is revoked or over', async () => {
    const owner = await newOrganization();
    const newKey = (more: object) => owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'bot', scopes: ['events:read'], ...more });
    const [revoked, over] = [await newKey({}), await newKey({ expiresAt: new Date(Date.now() + 2_500).toISOString() })];
    const clients = await Promise.all([revoked, over].map(({ key }) => LiveClient.connect(key)));
    await owner.api.delete(`/v1/api-keys/${revoked.id}`);

    for (const client of clients) expect((await client.waitForClose(REVOKED_MS)).code).toBe(4401);
  });

  it('when it does not read; others are not held up, and it resumes', async () => {
    const owner = await newOrganization();
    const channel = await newChannel(owner);
    const [slow, quick] = [await LiveClient.connect(owner.accessToken), await LiveClient.connect(owner.accessToken)];
    const from = quick.position;
    slow.stall();
    // Three bytes each, and nothing that a search index would have to keep.
    const body = `x${'—'.repeat(15_999)}`;
    for (let n = 0; n < 50; n++) await Promise.all([1, 2, 3, 4].map(() => post(owner, channel, body)));
    await eventually('200 messages', async () => quick.events.filter(({ type }) => type === 'chat.message_posted').length === 200);

    expect(quick.brokenLinks(from)).toEqual([]);
    slow.socket.resume();
    await slow.waitForClose();
    expect(slow.isClosed?.code).toBe(1006);
    const back = await LiveClient.connect(owner.accessToken, { resumeFrom: slow.position });
    await settled(owner, quick, back);
    expect([...slow.events, ...back.events].filter((event) => event.seq > from)).toEqual(quick.events);
    await Promise.all([quick.close(), back.close()]);
  });
});

describe('server-sent events', () => {
  it('begin anew at 50 positions that are none, and show nothing foreign', async () => {
    const [owner, stranger] = [await newOrganization(), await newOrganization()];
    const secret = `canary-${randomUUID()}`;
    const channel = await newChannel(stranger);
    for (let n = 0; n < 20; n++) await post(stranger, channel, secret);
    const foreign = String((await stranger.api.get<EventsPage>('/v1/events')).data.at(-1)?.seq);
    const odd = [
      foreign,
      '-1',
      '-9007199254740993',
      '9007199254740992',
      '1000000000000000000',
      '1e3',
      '0x1',
      '1.5',
      'NaN',
      'null',
      '[]',
      '{}',
      '%00',
      "'; --",
      '+1',
      '1 2',
    ];
    const values = [...odd, ...Array.from({ length: 50 - odd.length }, (_, n) => (n % 2 ? String(1_000 + n * 7_919) : randomUUID()))];

    for (const value of values) {
      const { status, text } = await readStream(owner, { 'last-event-id': value }, 0, 'event: reset');
      expect([value, status, text.includes(secret)]).toEqual([value, 200, false]);
    }
    expect(values).toHaveLength(50);
  });

  it('open with a ticket, once', async () => {
    const owner = await newOrganization();
    const { ticket } = await owner.api.post<EventsTicket>('/v1/events/ticket');
    const open = () => fetch(new URL(`/v1/events?ticket=${ticket}`, testRun().baseUrl), { headers: { accept: 'text/event-stream' } });
    const [first, second] = [await open(), await open()];
    await first.body?.cancel();

    expect([first.status, second.status]).toEqual([200, 401]);
  });
});

const streamHeaders = (person: Person) => ({ authorization: `Bearer ${person.accessToken}`, accept: 'text/event-stream' });

/** Reads the stream until `count` events and the text `until` have come. */
async function readStream(person: Person, headers: Record<string, string>, count: number, until = '') {
  const response = await fetch(new URL('/v1/events', testRun().baseUrl), { headers: { ...streamHeaders(person), ...headers } });
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let events: LiveEvent[] = [];
  do {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    const whole = text.slice(0, text.lastIndexOf('\n\n') + 2);
    events = [...whole.matchAll(/^data: (\{"type":"event".*)$/gm)].map(
      ([, frame]) => (JSON.parse(frame ?? '') as { event: LiveEvent }).event,
    );
  } while (events.length < count || !text.includes(until));
  await reader.cancel();
  return { status: response.status, text, events };
}

async function pages(person: Person, after: number): Promise<LiveEvent[]> {
  const events: LiveEvent[] = [];
  for (let next: number | null = after; next !== null;) {
    const page: EventsPage = await person.api.get<EventsPage>('/v1/events', { after: next, limit: 7 });
    events.push(...page.data);
    next = page.nextAfter;
  }
  return events;
}

const resultOf = (frame: ServerFrame) => (frame as Extract<ServerFrame, { type: 'ack' }>).result as { id: string };

function withoutIds(frame: unknown): unknown {
  return JSON.parse(JSON.stringify(frame, (key, value: unknown) => (key === 'id' || key === 'requestId' ? undefined : value)));
}
