import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { eventually, newOrganization, type Person } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';

let opened: Awaited<ReturnType<typeof openTestApp>>;
let host: string;
let owner: Person;
beforeAll(async () => {
  opened = await openTestApp({ CONNECTIONS_PER_ADDRESS: '2', TRUSTED_PROXIES: '127.0.0.1' });
  await opened.app.listen(0, '127.0.0.1');
  host = `127.0.0.1:${(opened.app.getHttpServer().address() as AddressInfo).port}`;
  owner = await newOrganization();
});
afterAll(() => opened.close());

interface Refused {
  status: number | undefined;
  retryAfter: string | undefined;
}
const statusOf = ({ statusCode, headers }: IncomingMessage): Refused => ({ status: statusCode, retryAfter: headers['retry-after'] });

function openSocket(address: string): Promise<WebSocket | Refused> {
  const socket = new WebSocket(`ws://${host}/v1/socket`, { headers: { 'x-forwarded-for': address } });
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_request, response) => {
      resolve(statusOf(response));
      socket.terminate();
    });
  });
}
async function openStream(address: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${owner.accessToken}`, accept: 'text/event-stream', 'x-forwarded-for': address };
  const [response] = (await once(get(`http://${host}/v1/events`, { headers, agent: false }), 'response')) as [IncomingMessage];
  return response;
}

it('takes so many sockets and streams of an address, signed in or not, and more when one has ended', async () => {
  const address = '198.51.100.7';
  const [socket, stream] = [await openSocket(address), await openStream(address)];

  const refused = await openStream(address);
  expect([socket, stream.statusCode]).toEqual([expect.any(WebSocket), 200]);
  expect(statusOf(refused)).toEqual({ status: 429, retryAfter: '10' });
  expect(await json(refused)).toMatchObject({ code: 'request.rate_limited' });
  expect(await openSocket(address)).toEqual({ status: 429, retryAfter: '10' });
  const neighbour = await openSocket('198.51.100.8');
  expect(neighbour).toBeInstanceOf(WebSocket);

  (socket as WebSocket).terminate();
  stream.destroy();
  await eventually('both seats are free', async () => {
    const again = [await openSocket(address), await openSocket(address)].filter((one) => one instanceof WebSocket);
    for (const one of again) one.terminate();
    return again.length === 2;
  });
  (neighbour as WebSocket).terminate();
});

it('ends a socket that never says who it is', async () => {
  const socket = await openSocket('198.51.100.9');

  const [code] = (await once(socket as WebSocket, 'close')) as [number];

  expect(code).toBe(4401);
});
