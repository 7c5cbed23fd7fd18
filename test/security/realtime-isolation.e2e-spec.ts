import { randomBytes, randomUUID } from 'node:crypto';
import type { OrgId, Problem, ServerFrame } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { systemContext } from '@atrium/platform/tenancy';
import { Api, eventually } from '../lib/api.js';
import { LiveClient } from '../lib/live-client.js';
import { newTenant, type Tenant } from '../lib/matrix.js';
import { testRun } from '../lib/run.js';
import { openTestApp } from '../lib/test-app.js';

/** How much the other organization says meanwhile; the faults run says more. */
const EVENTS = Number(process.env['REALTIME_EVENTS'] ?? 1_000);
const PRINCIPALS = ['owner', 'admin', 'member', 'guest', 'agentKey'] as const;
const OUTSIDERS = ['removed', 'suspended'] as const;

type Said = Parameters<LiveClient['say']>[0];
const frames = (channelId: string, threadId: string): Record<string, Said> => ({
  subscribe: { type: 'subscribe', channelId } as Said,
  unsubscribe: { type: 'unsubscribe', channelId } as Said,
  typing: { type: 'typing', channelId } as Said,
  'message.post': { type: 'message.post', channelId, body: 'hello' } as Said,
  'message.post in a thread': { type: 'message.post', channelId, threadId, body: 'hello' } as Said,
});

/** An answer without what every answer has of its own. */
function shape(frame: ServerFrame): unknown {
  if (frame.type !== 'error') return { type: frame.type, result: frame.type === 'ack' ? frame.result : null };
  const { requestId: _requestId, ...problem } = frame.problem;
  return { type: 'error', problem };
}

describe('two organizations over sockets and streams', () => {
  const mark = `cnry${randomBytes(6).toString('hex')}`;
  let own: Tenant;
  let other: Tenant;
  beforeAll(async () => {
    own = await newTenant(`own${randomBytes(6).toString('hex')}`);
    other = await newTenant(mark);
  }, 120_000);

  const tokenOf = (principal: (typeof PRINCIPALS)[number] | (typeof OUTSIDERS)[number]) =>
    (principal === 'agentKey' ? own.agentKey.token : own[principal].accessToken) ?? '';
  const foreign = (seen: unknown) => {
    const text = JSON.stringify(seen);
    return text.includes(mark) || text.includes(other.orgId);
  };

  it.each(PRINCIPALS)('answer a frame of %s with a foreign channel like one with a random channel (TN9)', async (principal) => {
    const client = await LiveClient.connect(tokenOf(principal));
    const random = frames(randomUUID(), randomUUID());
    for (const [name, frame] of Object.entries(frames(other.channel.id, other.message.id))) {
      const toForeign = await client.say(frame);
      const toRandom = await client.say(random[name] ?? frame);
      expect({ name, answer: shape(toForeign) }).toEqual({ name, answer: shape(toRandom) });
      if (name !== 'unsubscribe') expect(toForeign.type).toBe('error');
    }
    const inOwnChannel = await client.say({ ...frames(own.channel.id, other.message.id)['message.post in a thread'] } as Said);
    const atRandom = await client.say({ ...frames(own.channel.id, randomUUID())['message.post in a thread'] } as Said);
    expect(shape(inOwnChannel)).toEqual(shape(atRandom));
    expect(foreign(client.frames)).toBe(false);
    await client.close();
  });

  it.each(OUTSIDERS)('do not let %s in', async (principal) => {
    const client = await LiveClient.open();
    const answer = await client.auth(tokenOf(principal));
    expect(answer).toMatchObject({ type: 'error', problem: { status: 401, code: 'auth.invalid_token' } });
    await client.waitForClose();
  });

  it('say nothing before auth, whatever is sent', async () => {
    const client = await LiveClient.open();
    for (const frame of Object.values(frames(own.channel.id, own.message.id))) {
      expect(await client.say(frame)).toMatchObject({ type: 'error', problem: { code: 'realtime.not_authenticated' } });
    }
    await own.owner.api.post(`/v1/channels/${own.channel.id}/messages`, { body: 'not for those outside' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(client.frames.every((frame) => frame.type === 'error')).toBe(true);
    await client.close();
  });

  it('survive frames that are none', async () => {
    const hostile = [
      '',
      '{',
      'null',
      '[]',
      '"text"',
      '{"id":"a","type":"auth","token":{"length":{"toString":"x"}}}',
      '{"id":{"length":{"valueOf":1,"toString":1}},"type":"auth","token":"x"}',
      '{"id":"a","type":"__proto__"}',
      '{"__proto__":{"type":"auth"},"id":"a"}',
      '['.repeat(10_000),
      '['.repeat(10_000) + ']'.repeat(10_000),
      '{"id":"a","type":"subscribe","channelId":"\\ud800"}',
    ];
    for (const frame of [...hostile, Buffer.from([0xff, 0xfe, 0x00])]) {
      const client = await LiveClient.open();
      client.socket.send(frame);
      await client.waitFor('an error', (answer) => answer.type === 'error');
      client.socket.terminate();
    }
    expect((await fetch(`${testRun().baseUrl}/readyz`)).status).toBe(200);
  });

  it(`bring nothing of ${EVENTS} events of the one to the other (TN9)`, async () => {
    const listeners = await Promise.all(PRINCIPALS.map((principal) => LiveClient.connect(tokenOf(principal))));
    const stream = await openStream(own.owner.api, {});
    const witness = await LiveClient.connect(other.owner.accessToken);
    let left = EVENTS / 10;
    const say = async () => {
      while (left-- > 0) await other.owner.api.post(`/v1/channels/${other.channel.id}/messages`, { body: `Said ${mark}` });
    };

    await Promise.all([say(), say(), say(), say(), appendTo(other, EVENTS - EVENTS / 10)]);
    const { id } = await own.owner.api.post<{ id: string }>(`/v1/channels/${own.channel.id}/messages`, { body: 'the last of the own' });
    for (const listener of listeners.slice(0, 3)) await listener.waitForEvent('chat.message_posted', ({ subject }) => subject.id === id);
    await eventually('the stream has it too', () => Promise.resolve(stream.text().includes(id)));
    await eventually('the witness has seen all', () => Promise.resolve(witness.events.length >= EVENTS));

    expect(listeners.filter(({ frames: seen }) => foreign(seen)).length).toBe(0);
    expect(foreign(stream.text())).toBe(false);
    stream.close();
    await Promise.all([...listeners, witness].map((client) => client.close()));
  }, 240_000);

  it('start nowhere else for 50 values of Last-Event-ID (TN10)', async () => {
    const page = await other.owner.api.get<{ data: { seq: number; id: string }[] }>('/v1/events', { limit: 5 });
    const values = [
      ...page.data.flatMap(({ seq, id }) => [String(seq), id, `${other.orgId}:${seq}`]),
      other.orgId,
      other.channel.id,
      ...['-1', '-0', '0', '1', '01', '1e3', '1.5', '+1', '0x10', '9007199254740991', '9007199254740992', '1000000000000000000'],
      ...['99999', '1000000', 'NaN', 'Infinity', 'null', 'undefined', 'true', '{}', '[]', 'x', "1' OR '1'='1", '1;2', '1 2', '%31', '../1'],
      ...['9'.repeat(16), '9'.repeat(400), 'a'.repeat(4_000), '\u00b2', '0000000000000001', '-9007199254740992', '1_000', '*'],
    ];
    expect(values.length).toBeGreaterThanOrEqual(50);
    for (const value of values) {
      const stream = await openStream(own.owner.api, { 'last-event-id': value });
      expect({ value, status: stream.status }).toEqual({ value, status: 200 });
      await new Promise((resolve) => setTimeout(resolve, 40));
      expect({ value, foreign: foreign(stream.text()) }).toEqual({ value, foreign: false });
      stream.close();
    }
    for (const after of ['-1', '1e400', '9007199254740992', 'x', '1.5']) {
      const { status, body } = await own.owner.api.call<Problem>('GET', '/v1/events', { query: { after } });
      expect({ after, status, code: body.code }).toEqual({ after, status: 400, code: 'request.invalid' });
    }
  }, 60_000);

  it('lead a ticket to its own organization only, once', async () => {
    const { ticket } = await own.owner.api.post<{ ticket: string }>('/v1/events/ticket');
    const swapped = ticket.replace(own.orgId, other.orgId);
    const open = (value: string) => openStream(new Api(null), {}, `?ticket=${encodeURIComponent(value)}`);

    const statuses = [(await open(swapped)).status, (await open(`${ticket}x`)).status];
    expect(statuses.every((status) => status === 401)).toBe(true);
  });
});

/** Events of another process, in batches, straight into the organization's log. */
async function appendTo({ orgId, channel, mark }: Tenant, count: number): Promise<void> {
  const { app, close } = await openTestApp();
  const ctx = systemContext(orgId as OrgId, randomUUID());
  try {
    for (let done = 0; done < count; done += 100) {
      const drafts = Array.from({ length: Math.min(100, count - done) }, (_, at) => ({
        type: 'chat.channel_changed' as const,
        subject: { kind: 'channel', id: channel.id },
        audience: at % 2 ? ('organization' as const) : (`channel:${channel.id}` as const),
        data: { channelId: channel.id },
        text: { topic: mark },
      }));
      await app.get(Db).inOrg(ctx, (tx) => app.get(Events).appendMany(tx, ctx, drafts));
    }
  } finally {
    await close();
  }
}

interface Stream {
  status: number;
  text(): string;
  close(): void;
}

/** Reads an event stream until it is closed. */
async function openStream(api: Api, headers: Record<string, string>, query = ''): Promise<Stream> {
  const abort = new AbortController();
  const response = await fetch(`${api.baseUrl}/v1/events${query}`, {
    headers: { accept: 'text/event-stream', ...(api.token ? { authorization: `Bearer ${api.token}` } : {}), ...headers },
    signal: abort.signal,
  });
  let seen = '';
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) seen += decoder.decode(chunk as Uint8Array, { stream: true });
  };
  void read().catch(() => undefined);
  return { status: response.status, text: () => seen, close: () => abort.abort() };
}
