import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { eventually, newOrganization } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';

let opened: Awaited<ReturnType<typeof openTestApp>>;
let server: Server;
let port: number;
beforeAll(async () => {
  opened = await openTestApp({ REQUEST_SECONDS: '1' });
  await opened.app.listen(0, '127.0.0.1');
  server = opened.app.getHttpServer();
  ({ port } = server.address() as AddressInfo);
  // The first time it is made, which takes the process that the clients are in too.
  await opened.app.inject('/openapi.json');
});
afterAll(() => opened.close());

async function ask(...requests: string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').pause();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(requests.join(''));
  return socket;
}
const line = (path: string, ...headers: string[]) => [`GET ${path} HTTP/1.1`, 'Host: atrium', ...headers, '', ''].join('\r\n');
const times = (count: number, request: string) => Array.from({ length: count }, () => request);
const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
const noneIsLeft = () => eventually('the server has ended the connection', async () => (await connections()) === 0);

it('ends answers of which nothing is read, however many were asked for', async () => {
  const sockets = await Promise.all(times(5, '').map(() => ask(...times(40, line('/openapi.json')))));
  await eventually('the answers have begun', async () => (await connections()) === 5);

  await noneIsLeft();

  for (const socket of sockets) socket.destroy();
});

it('sends all to a client that reads slowly and goes on', async () => {
  const socket = await ask(...times(40, line('/openapi.json')), line('/healthz', 'Connection: close'));
  let [bytes, pieces, last] = [0, 0, ''];

  for await (const piece of socket as AsyncIterable<Buffer>) {
    bytes += piece.length;
    last = (last + piece.toString('latin1')).slice(-2_000);
    if (++pieces % 10 === 0) await wait(150);
  }

  expect(bytes).toBeGreaterThan(40 * 250_000);
  expect(last).toContain('HTTP/1.1 200 OK');
  await noneIsLeft();
});

it('answers the requests of a connection in their order', async () => {
  const socket = await ask(line('/openapi.json'), line('/nothing'), line('/healthz'), line('/%zz', 'Connection: close'));
  let answers = '';

  for await (const piece of socket as AsyncIterable<Buffer>) answers += piece.toString('latin1');

  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 400']);
});

it('cuts a connection that asks far ahead of its answers', async () => {
  const socket = await ask(...times(1_000, line('/healthz')));

  await once(socket.resume(), 'close');

  expect(socket.bytesRead).toBeLessThan(100_000);
});

it('leaves a stream alone that has nothing to send', async () => {
  const owner = await newOrganization();
  const headers = { authorization: `Bearer ${owner.accessToken}`, accept: 'text/event-stream' };
  const [stream] = (await once(get(`http://127.0.0.1:${port}/v1/events`, { headers, agent: false }), 'response')) as [IncomingMessage];
  let told = '';
  stream.on('data', (piece: Buffer) => (told += piece.toString()));

  await wait(2_500);
  await owner.api.post('/v1/channels', { name: 'plan', kind: 'public' });

  await eventually('the event arrives', () => Promise.resolve(told.includes('event: ')));
  stream.destroy();
});

it('sends everyone the same document', async () => {
  const url = `http://127.0.0.1:${port}/openapi.json`;

  const [first, second, head] = [await fetch(url), await fetch(url), await fetch(url, { method: 'HEAD' })];

  const text = await first.text();
  expect(await second.text()).toBe(text);
  expect(JSON.parse(text)).toMatchObject({ openapi: '3.1.0' });
  expect(second.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
});
