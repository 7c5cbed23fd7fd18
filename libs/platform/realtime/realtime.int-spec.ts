import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { LiveEvent } from '@atrium/contracts';
import { Metrics } from '@atrium/platform/observability';
import { Revocations } from '@atrium/platform/tenancy';
import { eventually } from '../../../test/lib/api.js';
import { LiveClient } from '../../../test/lib/live-client.js';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import {
  channelEvent,
  newPerson,
  numbers,
  openLog,
  PlainAuthenticator,
  type Process,
  startProcess,
  told,
  upTo,
} from './testing/realtime-process.js';

// The features of the running app would answer these events.
let own: OwnDatabase;
let here: Process;
beforeAll(async () => {
  own = await ownDatabase();
  here = await startProcess(own.database);
});
afterAll(async () => {
  await here.stop();
  await own.drop();
});

const newOrg = () => openLog(here);

describe('order', () => {
  it('sends events of this and another process in seq order, each naming the one before', async () => {
    const orgId = await newOrg();
    const other = await startProcess(own.database);
    const client = await LiveClient.connect(newPerson(orgId).token, here);
    await Promise.all(upTo(40).map((n) => (n % 2 ? here : other).append(orgId, told(n))));

    await eventually('40 events', async () => client.events.length === 40);
    expect(client.brokenLinks(0)).toEqual([]);
    expect(numbers(client.events).toSorted((a, b) => Number(a) - Number(b))).toEqual(upTo(40));
    await client.close();
    await other.stop();
  });

  it('finds by itself what another process never announced', async () => {
    const orgId = await newOrg();
    const other = await startProcess(own.database);
    const client = await LiveClient.connect(newPerson(orgId).token, here);
    await other.append(orgId, told(1), told(2));

    await client.waitForEvent('documents.changed', (event) => event.data.n === 2, 5_000);
    expect(client.brokenLinks(0)).toEqual([]);
    await Promise.all([client.close(), other.stop()]);
  });

  it('sends nobody the events of another organization, nor those that are not live', async () => {
    const [orgId, foreign] = [await newOrg(), await newOrg()];
    const client = await LiveClient.connect(newPerson(orgId).token, here);
    await here.append(foreign, told(1), told(2));
    await here.append(orgId, told(3, 'nobody'), told(4, 'organization', { type: 'agents.turn_started' }), told(5));

    await client.waitForEvent('documents.changed');
    expect(client.events.map((event) => event.data.n)).toEqual([5]);
    await client.close();
  });
});

describe('resume', () => {
  it('replays exactly what was missed and goes on live, while more is written', async () => {
    const orgId = await newOrg();
    const { token } = newPerson(orgId);
    await here.append(orgId, ...upTo(500).map((n) => told(n)));
    await here.append(orgId, ...upTo(500).map((n) => told(500 + n)));
    let stop = false;
    const writing = (async () => {
      for (let n = 1_001; !stop; n++) await here.append(orgId, told(n));
    })();
    const client = await LiveClient.connect(token, { ...here, resumeFrom: 100 });
    await eventually('the present', async () => client.events.length > 950);
    stop = true;
    await writing;
    await new Promise((resolve) => setTimeout(resolve, 200));

    const sent = numbers(client.events);
    expect(client.brokenLinks(100)).toEqual([]);
    expect(sent).toEqual(upTo(100 + sent.length).slice(100));
    await client.close();
  });

  it('starts anew for positions that are too old or from the future', async () => {
    const orgId = await newOrg();
    const { token } = newPerson(orgId);
    await here.append(orgId, told(1));
    const client = await LiveClient.connect(token, { ...here, resumeFrom: 999 });
    const reset = await client.waitFor('a reset', (frame) => frame.type === 'reset');
    await here.append(orgId, told(2));
    await client.waitForEvent('documents.changed');

    expect(reset).toMatchObject({ seq: 1 });
    expect(client.brokenLinks(1)).toEqual([]);
    await client.close();
  });

  it('believes a position that another process has announced but this one has not seen', async () => {
    const orgId = await newOrg();
    const { token } = newPerson(orgId);
    const other = await startProcess(own.database);
    const first = await LiveClient.connect(token, here);
    await other.append(orgId, told(1), told(2));
    const second = await LiveClient.connect(token, { ...here, resumeFrom: 2 });

    expect(second.frames.map((frame) => frame.type)).toEqual(['ready']);
    await Promise.all([first.close(), second.close(), other.stop()]);
  });
});

describe('rights', () => {
  it('follow membership in log order; the removal reaches the one removed', async () => {
    const orgId = await newOrg();
    const [insider, guest, outsider] = [newPerson(orgId), newPerson(orgId, 'guest'), newPerson(orgId)];
    const clients = await Promise.all([insider, guest, outsider].map(({ token }) => LiveClient.connect(token, here)));
    const channelId = randomUUID();
    const audience = `channel:${channelId}` as const;
    await here.append(
      orgId,
      channelEvent('chat.channel_created', channelId, { kind: 'private', members: [insider.member] }),
      told(1, audience),
      channelEvent('chat.member_added', channelId, { member: guest.member }),
      told(2, audience),
      channelEvent('chat.member_removed', channelId, { member: guest.member }),
      told(3, audience),
      channelEvent('chat.channel_deleted', channelId, { kind: 'private', members: [insider.member] }),
      told(4, ('user:' + guest.id) as `user:${string}`),
      told(5),
    );
    await clients[0]?.waitForEvent('documents.changed', (event) => event.data.n === 5);
    await clients[1]?.waitForEvent('documents.changed', (event) => event.data.n === 4);
    await clients[2]?.waitForEvent('documents.changed', (event) => event.data.n === 5);

    const seen = clients.map((client) => client.events.map((event) => event.data.n ?? event.type.slice(5)));
    expect(seen).toEqual([
      ['channel_created', 1, 'member_added', 2, 'member_removed', 3, 'channel_deleted', 5],
      ['member_added', 2, 'member_removed', 4],
      [5],
    ]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('are today’s in a replay, and the loss of one is told to who was away', async () => {
    const orgId = await newOrg();
    const [insider, gone] = [newPerson(orgId), newPerson(orgId)];
    const keeper = await LiveClient.connect(insider.token, here);
    const channelId = randomUUID();
    await here.append(
      orgId,
      channelEvent('chat.channel_created', channelId, { kind: 'private', members: [insider.member, gone.member] }),
      told(1, `channel:${channelId}`),
      channelEvent('chat.member_removed', channelId, { member: gone.member }),
      told(2, `channel:${channelId}`),
    );
    const client = await LiveClient.connect(gone.token, { ...here, resumeFrom: 0 });
    await here.append(orgId, told(3));
    await client.waitForEvent('documents.changed', (event) => event.data.n === 3);

    expect(client.events.map((event) => event.data.n ?? event.type)).toEqual(['chat.member_removed', 3]);
    expect(client.brokenLinks(0)).toEqual([]);
    await Promise.all([client.close(), keeper.close()]);
  });

  it('withhold a text from who lacks a grant of its sources', async () => {
    const orgId = await newOrg();
    const [reader, stranger] = [newPerson(orgId), newPerson(orgId)];
    const clients = await Promise.all([reader, stranger].map(({ token }) => LiveClient.connect(token, here)));
    await here.append(orgId, told(1, 'organization', { text: { body: 'secret' }, requires: [['org'], [`user:${reader.id}`]] }));
    const events = await Promise.all(clients.map((client) => client.waitForEvent('documents.changed')));

    expect(events.map((event) => event.data)).toEqual([{ n: 1, body: 'secret' }, { n: 1 }]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('are those of the credential, for lossy frames too; what concerns the person is always told', async () => {
    const orgId = await newOrg();
    const person = newPerson(orgId);
    const few = randomUUID();
    PlainAuthenticator.scopes.set(few, ['events:read']);
    const clients = await Promise.all([person.token, `${orgId}_${person.id}_${few}`].map((token) => LiveClient.connect(token, here)));
    const runId = randomUUID();
    here.bus.publish(orgId, { type: 'live', kind: 'run_delta', runId, step: 1, offset: 0, text: 'secret' }, { userId: person.id });
    const itself = { kind: 'user', id: person.id };
    await here.append(orgId, told(1), { type: 'organizations.member_changed', subject: itself, audience: 'organization' });
    await Promise.all(clients.map((client) => client.waitForEvent('organizations.member_changed')));

    const seen = clients.map(({ frames }) => frames.map((frame) => (frame.type === 'event' ? frame.event.type : frame.type)));
    expect(seen).toEqual([
      ['ready', 'live', 'documents.changed', 'organizations.member_changed'],
      ['ready', 'organizations.member_changed'],
    ]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('change with the role, and end with the membership after the removal was told', async () => {
    const orgId = await newOrg();
    const person = newPerson(orgId, 'admin');
    const client = await LiveClient.connect(person.token, here);
    const subject = { kind: 'user', id: person.id };
    PlainAuthenticator.roles.set(person.id, 'guest');
    await here.append(
      orgId,
      told(1, 'admins'),
      { type: 'organizations.member_changed', subject, audience: 'organization', data: { role: 'guest' } },
      told(2, 'admins'),
      told(3),
      { type: 'organizations.member_removed', subject, audience: 'organization' },
    );

    expect((await client.waitForClose()).code).toBe(4401);
    expect(client.events.map((event) => event.data.n ?? event.type)).toEqual([
      1,
      'organizations.member_changed',
      'organizations.member_removed',
    ]);
  });
});

describe('sockets', () => {
  it('refuse frames before auth, bad tokens, foreign origins and too many bad frames', async () => {
    const orgId = await newOrg();
    const client = await LiveClient.open(here);
    expect(await client.say({ type: 'presence', status: 'online' } as never)).toMatchObject({
      type: 'error',
      problem: { code: 'realtime.not_authenticated' },
    });
    expect(await client.auth('nonsense')).toMatchObject({ type: 'error', problem: { code: 'auth.invalid_token' } });
    expect((await client.waitForClose()).code).toBe(4401);
    await expect(LiveClient.open({ ...here, headers: { origin: 'https://evil.example' } })).rejects.toThrow('403');
    await (await LiveClient.open({ ...here, headers: { origin: here.baseUrl } })).close();

    const rude = await LiveClient.connect(newPerson(orgId).token, here);
    for (const bad of ['{', '[]', '"x"', '{"id":"1","type":"nope"}', `{"id":"1","type":"typing","channelId":"x"}`])
      for (let i = 0; i < 4; i++) rude.socket.send(bad);
    expect((await rude.waitForClose()).code).toBe(4400);
    const codes = rude.frames.flatMap((frame) => (frame.type === 'error' ? [frame.problem.code] : []));
    expect([...new Set(codes)]).toEqual(['request.malformed', 'realtime.unknown_frame', 'request.invalid']);
  });

  it('answer frames with ack or error, and give the lossy ones to subscribers that may read', async () => {
    const orgId = await newOrg();
    const [writer, reader, stranger] = [newPerson(orgId), newPerson(orgId), newPerson(orgId)];
    const channelId = randomUUID();
    const clients = await Promise.all([writer, reader, stranger].map(({ token }) => LiveClient.connect(token, here)));
    const [a, b, c] = clients as [LiveClient, LiveClient, LiveClient];
    await here.append(orgId, channelEvent('chat.channel_created', channelId, { kind: 'private', members: [writer.member, reader.member] }));
    await b.waitForEvent('chat.channel_created');
    expect(await b.subscribe(channelId)).toMatchObject({ type: 'ack' });
    expect(await c.subscribe(channelId)).toMatchObject({ type: 'error', problem: { status: 404, code: 'chat.channel_not_found' } });
    expect(await c.subscribe(randomUUID())).toMatchObject({ type: 'error', problem: { status: 404, code: 'chat.channel_not_found' } });
    expect(await a.say({ type: 'typing', channelId } as never)).toMatchObject({ type: 'ack' });
    expect(await a.say({ type: 'message.post', channelId, body: 'hi' } as never)).toMatchObject({ type: 'ack', result: { body: 'hi' } });

    await b.waitFor('typing', (frame) => frame.type === 'live' && frame.kind === 'typing' && frame.principal.id === writer.id);
    expect(c.frames.filter((frame) => frame.type === 'live')).toEqual([]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('count messages as requests, and say when a refused one may come again', async () => {
    const { token } = newPerson(await newOrg());
    const strict = await startProcess(own.database, { RATE_LIMIT_PER_MINUTE: '3' });
    const client = await LiveClient.connect(token, strict);
    const page = async () => (await fetch(`${strict.baseUrl}/v1/events`, { headers: { authorization: `Bearer ${token}` } })).status;
    const post = () => client.say({ type: 'message.post', channelId: randomUUID(), body: 'hi' } as never);
    const answers = [await page(), (await post()).type, (await post()).type];

    expect(answers).toEqual([200, 'ack', 'ack']);
    expect(await post()).toMatchObject({
      type: 'error',
      problem: { status: 429, code: 'request.rate_limited' },
      retryAfterSeconds: expect.any(Number) as number,
    });
    expect(await page()).toBe(429);
    expect(await client.say({ type: 'presence', status: 'online' } as never)).toMatchObject({ type: 'ack' });
    await client.close();
    await strict.stop();
  });

  it('close when the session is revoked, when the token ends, and at one connection too many', async () => {
    const orgId = await newOrg();
    const person = newPerson(orgId);
    const client = await LiveClient.connect(person.token, here);
    here.app.get(Revocations).revoke({ orgId, sessionId: person.sessionId });
    expect((await client.waitForClose(2_000)).code).toBe(4401);

    const brief = await LiveClient.connect(`${newPerson(orgId).token}_${Date.now() + 1_500}`, here);
    expect((await brief.waitForClose(6_000)).code).toBe(4401);

    const many = newPerson(orgId);
    const open = await Promise.all(upTo(20).map(() => LiveClient.connect(many.token, here)));
    const extra = await LiveClient.open(here);
    expect(await extra.auth(many.token)).toMatchObject({ type: 'error', problem: { status: 429 } });
    expect((await extra.waitForClose()).code).toBe(4429);
    await Promise.all(open.map((each) => each.close()));
  });

  it('cut a reader that does not read, while others go on', async () => {
    const orgId = await newOrg();
    const slow = await LiveClient.connect(newPerson(orgId).token, here);
    const quick = await LiveClient.connect(newPerson(orgId).token, here);
    slow.stall();
    const text = { body: 'x'.repeat(60_000) };
    for (const n of upTo(20)) await here.append(orgId, ...upTo(10).map((m) => told(n * 10 + m, 'organization', { text })));

    await eventually('200 events', async () => quick.events.length === 200);
    const cut = (await here.app.get(Metrics).slowReaders.get()).values[0]?.value;
    expect(cut).toBe(1);
    expect(quick.brokenLinks(0)).toEqual([]);
    await quick.close();
    slow.socket.terminate();
  });
});

describe('server-sent events and pages', () => {
  const headers = (token: string, more: Record<string, string> = {}) => ({
    authorization: `Bearer ${token}`,
    accept: 'text/event-stream',
    ...more,
  });

  async function firstChunks(response: Response, fits: (text: string) => boolean): Promise<string> {
    const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!fits(text)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    await reader.cancel();
    return text;
  }

  it('resume after Last-Event-ID', async () => {
    const orgId = await newOrg();
    const { token } = newPerson(orgId);
    await here.append(orgId, told(1), told(2), told(3));
    const response = await fetch(`${here.baseUrl}/v1/events`, { headers: headers(token, { 'last-event-id': '1' }) });
    const text = await firstChunks(response, (all) => all.includes('id: 3'));

    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(text.match(/^(id|event): .*$/gm)).toEqual([
      'event: ready',
      'id: 2',
      'event: documents.changed',
      'id: 3',
      'event: documents.changed',
    ]);
  });

  it('treat 50 wrong positions as a start anew, and none as a fault', async () => {
    const orgId = await newOrg();
    const foreign = await newOrg();
    await here.append(foreign, ...upTo(30).map((n) => told(n)));
    const { token } = newPerson(orgId);
    const odd = [
      '-1',
      '1e3',
      '0x10',
      'NaN',
      'null',
      '1.5',
      '1,000',
      ' ',
      '٣',
      '9007199254740993',
      '1000000000000000000',
      '30',
      uuidv7(),
      "'; --",
      '../..',
      '%00',
    ];
    const values = [...odd, ...upTo(50 - odd.length).map((n) => (n % 2 ? `${n * 10 ** 6}` : `x${n}`))].filter((value) =>
      /^[\x20-\x7e]*$/.test(value),
    );
    for (const value of values) {
      const response = await fetch(`${here.baseUrl}/v1/events`, { headers: headers(token, { 'last-event-id': value }) });
      const text = await firstChunks(
        response,
        (all) => /event: (reset|ready)[^]*\n\n/.test(all) && (value.trim() === '' || all.includes('event: reset')),
      );
      expect([value, response.status, text.includes(foreign)]).toEqual([value, 200, false]);
    }
  });

  it('take a ticket once', async () => {
    const orgId = await newOrg();
    const { token } = newPerson(orgId);
    const made = await fetch(`${here.baseUrl}/v1/events/ticket`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    const { ticket } = (await made.json()) as { ticket: string };
    const open = () => fetch(`${here.baseUrl}/v1/events?ticket=${ticket}`, { headers: { accept: 'text/event-stream' } });
    const first = await open();
    const second = await open();
    await first.body?.cancel();

    expect([made.status, first.status, second.status]).toEqual([201, 200, 401]);
  });

  it('page through what the reader may see', async () => {
    const orgId = await newOrg();
    const { token } = newPerson(orgId, 'guest');
    await here.append(orgId, told(1), told(2, `user:${token.split('_')[1] ?? ''}`), told(3), told(4, `user:${token.split('_')[1] ?? ''}`));
    const page = async (query: string) =>
      (await (await fetch(`${here.baseUrl}/v1/events?${query}`, { headers: { authorization: `Bearer ${token}` } })).json()) as {
        data: LiveEvent[];
        nextAfter: number | null;
      };

    expect((await page('limit=3')).nextAfter).toBe(3);
    expect(numbers((await page('limit=3')).data)).toEqual([2]);
    expect(await page('after=3')).toMatchObject({ data: [{ seq: 4 }], nextAfter: null });
    expect(await page('after=900')).toEqual({ data: [], nextAfter: null });
  });
});
