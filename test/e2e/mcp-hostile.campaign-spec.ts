import { connect } from 'node:net';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from '@atrium/contracts';
import { type Api, newOrganization, type Person } from '../lib/api.js';
import { McpCaller, rawMcp } from '../lib/mcp.js';

/** A well-behaved client must be answered within this while others misbehave, on a busy machine too. Milliseconds. */
const SOON_MS = 15_000;
const META = 'io.modelcontextprotocol/protocolVersion';

const rpc = (method: string, params: object = {}, id: unknown = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params });
const call = (name: string, args: object, id: unknown = 1) => rpc('tools/call', { name, arguments: args }, id);

/** Does it while another organization's client goes on with its work, which must work and be quick. */
async function whileOthersWork<T>(other: McpCaller, misbehave: () => Promise<T>): Promise<T> {
  let over = false;
  let slowest = 0;
  const working = (async () => {
    while (!over) {
      const startedAt = performance.now();
      await other.call('chat_channels');
      slowest = Math.max(slowest, performance.now() - startedAt);
      await sleep(50);
    }
  })();
  try {
    return await misbehave();
  } finally {
    over = true;
    await working;
    expect(slowest).toBeLessThan(SOON_MS);
  }
}

describe('a hostile client of MCP', () => {
  let hostile: Person;
  let other: McpCaller;
  let api: Api;
  beforeAll(async () => {
    hostile = await newOrganization('Hostile');
    ({ api } = hostile);
    other = await McpCaller.connect((await newOrganization('Other')).api);
  });
  afterAll(() => other.close());

  it('gets each its own answer though all its calls have one id', async () => {
    const names = Array.from({ length: 24 }, () => randomUUID());
    const channels = await Promise.all(names.map((name) => api.post<Channel>('/v1/channels', { name })));

    const answers = await whileOthersWork(other, () =>
      Promise.all(channels.map(async ({ id }) => (await rawMcp(api, call('chat_post', { channelId: id, body: `in ${id}` }, 7))).text())),
    );

    answers.forEach((answer, index) => {
      expect(answer).toContain('"id":7');
      expect(answer).toContain(`in ${channels[index]?.id}`);
    });
  });

  const hostileMessages: [string, string, Record<string, string>, number, RegExp][] = [
    ['an id of a kind that there is not', rpc('tools/list', {}, { a: 1 }), {}, 400, /-32600|-32700/],
    ['no method', '{"jsonrpc":"2.0","id":1}', {}, 400, /-32600|-32700/],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":1,"method":"tools/list"}', {}, 400, /-32600|-32700/],
    ['a revision in the header that there is not', rpc('tools/list'), { 'mcp-protocol-version': '1999-01-01' }, 400, /1999-01-01/],
    ['a revision in the body that there is not', rpc('tools/list', { _meta: { [META]: '2099-01-01' } }), {}, 400, /error/],
    ['a body that is too large', rpc('tools/list', { pad: 'x'.repeat(2 ** 21) }), {}, 413, /request.too_large/],
    ['a body as deep as a well', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, {}, 400, /request.malformed/],
    ['a session that there is not', rpc('tools/list'), { 'mcp-session-id': 'x'.repeat(200) }, 404, /mcp.session_not_found/],
    ['a polluting argument', call('search', { query: 'x', ['__proto__x']: { admin: true } }), {}, 200, /tools.invalid_arguments/],
  ];
  it.each(hostileMessages)('is refused in clear words with %s', async (_what, body, headers, status, words) => {
    const startedAt = performance.now();
    const answer = await rawMcp(api, body, headers);
    const text = await answer.text();

    expect({ status: answer.status, text }).toEqual({ status, text: expect.stringMatching(words) as string });
    expect(text).not.toMatch(/\bat .*\.js:|node_modules|Prisma/);
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
  });

  it('is offered a revision that both may know', async () => {
    const clientInfo = { name: 'old', version: '0' };
    const answer = await rawMcp(api, rpc('initialize', { protocolVersion: '1999-01-01', capabilities: {}, clientInfo }));

    expect(await answer.text()).toContain('"protocolVersion":"2025-11-25"');
  });

  it('holds no place with calls that it gave up', async () => {
    const giveUp = async (ms: number) => {
      const abort = new AbortController();
      const gone = fetch(new URL('/mcp', api.baseUrl), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${api.token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: call('search', { query: 'anything at all' }),
        signal: abort.signal,
      });
      const ended = gone.then((answer) => answer.text()).catch(() => 'given up');
      await sleep(ms);
      abort.abort();
      return ended;
    };

    await whileOthersWork(other, async () => {
      for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 30 }, (_, index) => giveUp(index)));
    });

    await sleep(1_000);
    const after = await Promise.all(Array.from({ length: 20 }, async () => (await rawMcp(api, rpc('tools/list'))).status));
    expect(new Set(after)).toEqual(new Set([200]));
  });

  it('may list tools a thousand times, with cursors of its own making', async () => {
    let left = 1_000;
    const texts = new Set<number>();
    const statuses = new Set<number>();
    await whileOthersWork(other, () =>
      Promise.all(
        Array.from({ length: 8 }, async () => {
          while (left-- > 0) {
            const answer = await rawMcp(api, rpc('tools/list', { cursor: `page ${left}` }, 1));
            statuses.add(answer.status);
            texts.add((await answer.text()).length);
          }
        }),
      ),
    );

    expect([...statuses]).toEqual([200]);
    expect(texts.size).toBe(1);
  }, 120_000);

  it('that never reads its answers keeps nobody waiting', async () => {
    const { hostname, port } = new URL(api.baseUrl);
    const body = rpc('tools/list');
    const head = `POST /mcp HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${api.token}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n`;
    const sockets = Array.from({ length: 20 }, () => connect(Number(port), hostname).pause());
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      for (let request = 0; request < 200; request++) socket.write(head + body);
    }

    await whileOthersWork(other, () => sleep(3_000));
    for (const socket of sockets) socket.destroy();

    await sleep(1_000);
    expect((await rawMcp(api, rpc('tools/list'))).status).toBe(200);
  });
});
