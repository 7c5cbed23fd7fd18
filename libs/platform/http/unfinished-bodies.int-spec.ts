import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { newOrganization } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';

let opened: Awaited<ReturnType<typeof openTestApp>>;
let port: number;
beforeAll(async () => {
  opened = await openTestApp({ TRUSTED_PROXIES: '127.0.0.1' });
  await opened.app.listen(0, '127.0.0.1');
  ({ port } = opened.app.getHttpServer().address() as AddressInfo);
});
afterAll(() => opened.close());

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** Sends it and answers the socket, and what came back when it has ended. */
function send(text: string): { socket: Socket; answer: Promise<string> } {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let told = '';
  socket.on('error', () => undefined).on('data', (piece: Buffer) => (told += piece.toString()));
  const answer = once(socket, 'close').then(() => told);
  socket.write(text);
  return { socket, answer };
}
const post = (path: string, from: string, ...headers: string[]) =>
  [`POST ${path} HTTP/1.1`, 'Host: atrium', `X-Forwarded-For: ${from}`, 'Content-Type: application/json', ...headers, '', ''].join('\r\n');
const unfinished = (from: string) => send(`${post('/v1/channels', from, 'Content-Length: 1048000')}"${'a'.repeat(1_046_586)}`);

it('bounds what the unfinished bodies of an address hold, and goes on taking what is small', async () => {
  const large = Array.from({ length: 40 }, () => unfinished('198.51.100.7'));

  const refused = await Promise.race(large.map(({ answer }) => answer));
  const small = send(`${post('/v1/auth/login', '198.51.100.7', 'Content-Length: 2', 'Connection: close')}{}`);

  expect(refused).toMatch(/^HTTP\/1.1 429 [^]+retry-after: 5\r\n[^]+request.rate_limited/i);
  expect(await small.answer).toMatch(/^HTTP\/1.1 400 [^]+request.invalid/);
});

it('bounds what those of all addresses hold', async () => {
  const large = Array.from({ length: 100 }, (_, index) => unfinished(`198.51.100.${index}`));

  const refused = await Promise.race(large.map(({ answer }) => answer));

  expect(refused).toMatch(/^HTTP\/1.1 503 [^]+retry-after: 5\r\n[^]+request.overloaded/i);
  const small = send(`${post('/v1/auth/login', '203.0.113.1', 'Content-Length: 2', 'Connection: close')}{}`);
  expect(await small.answer).toMatch(/^HTTP\/1.1 400 [^]+request.invalid/);
});

it.each(['Content-Length: 70000', 'Transfer-Encoding: chunked'])(
  'takes small bodies only where nobody is asked who they are: %s',
  async (length) => {
    const body = `"${'a'.repeat(69_998)}"`;
    const sent = length.startsWith('T') ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;

    const { answer } = send(post('/v1/auth/login', '198.51.100.8', length, 'Connection: close') + sent);

    expect(await answer).toMatch(/^HTTP\/1.1 413 [^]+request.too_large/);
  },
);

it('reads a body that comes byte by byte', async () => {
  const owner = await newOrganization();
  const body = JSON.stringify({ name: 'bit by bit', kind: 'public' });
  const chunks = [...body].map((letter) => `1\r\n${letter}\r\n`).join('');
  const headers = ['Transfer-Encoding: chunked', `Authorization: Bearer ${owner.accessToken}`, 'Connection: close'];

  const { answer } = send(`${post('/v1/channels', '198.51.100.9', ...headers)}${chunks}0\r\n\r\n`);

  expect(await answer).toMatch(/^HTTP\/1.1 201 [^]+bit by bit/);
});
