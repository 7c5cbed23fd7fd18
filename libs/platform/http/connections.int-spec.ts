import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { eventually } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';

let opened: Awaited<ReturnType<typeof openTestApp>> | undefined;
let port = 0;
const sockets: Socket[] = [];
async function open(environment: Record<string, string>): Promise<void> {
  opened = await openTestApp(environment);
  await opened.app.listen(0, '127.0.0.1');
  ({ port } = opened.app.getHttpServer().address() as AddressInfo);
}
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await opened?.close();
  opened = undefined;
});

/** What a new connection from this address is answered; it stays open when that is 200. */
async function knock(from: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET /healthz HTTP/1.1\r\nHost: atrium\r\n\r\n');
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])) as [Buffer | string];
  return answer.toString();
}

it('takes so many connections of an address, and more when one has ended', async () => {
  await open({ HTTP_CONNECTIONS_PER_ADDRESS: '2' });
  expect([await knock('127.0.0.5'), await knock('127.0.0.5')]).toEqual([
    expect.stringMatching(/ 200 OK/),
    expect.stringMatching(/ 200 OK/),
  ]);

  expect(await knock('127.0.0.5')).toMatch(/^HTTP\/1.1 429 [^]+Retry-After: 10\r\n[^]+request.rate_limited/);
  expect(await knock('127.0.0.6')).toMatch(/ 200 OK/);

  sockets[0]?.destroy();
  await eventually('the place is free', async () => (await knock('127.0.0.5')).includes(' 200 OK'));
});

it('takes so many connections in all, those of a proxy too, whose clients are many', async () => {
  await open({ HTTP_CONNECTIONS_PER_ADDRESS: '1', HTTP_CONNECTIONS: '3', TRUSTED_PROXIES: '127.0.0.5' });
  const taken = [await knock('127.0.0.5'), await knock('127.0.0.5'), await knock('127.0.0.6')];
  expect(taken).toEqual(taken.map(() => expect.stringMatching(/ 200 OK/) as string));

  expect(await knock('127.0.0.7')).toMatch(/^HTTP\/1.1 503 [^]+Retry-After: 10\r\n[^]+request.overloaded/);
});

it('gives the place back of a connection that became a WebSocket', async () => {
  await open({ HTTP_CONNECTIONS_PER_ADDRESS: '1' });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/socket`, { localAddress: '127.0.0.5' });
  await once(socket, 'open');

  expect(await knock('127.0.0.5')).toMatch(/ 200 OK/);
  socket.terminate();
});
