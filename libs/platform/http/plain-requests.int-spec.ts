import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { openTestApp } from '../../../test/lib/test-app.js';

let opened: Awaited<ReturnType<typeof openTestApp>>;
let port: number;
beforeAll(async () => {
  opened = await openTestApp();
  await opened.app.listen(0, '127.0.0.1');
  ({ port } = opened.app.getHttpServer().address() as AddressInfo);
});
afterAll(() => opened.close());

/** What is answered to a request whose body does not come. */
async function ask(head: string, ...headers: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.write([head, ...headers, '', ''].join('\r\n'));
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => ['closed'])])) as [Buffer | string];
  socket.destroy();
  return answer.toString();
}
const HOST = 'Host: atrium';
const JSON_TYPE = 'Content-Type: application/json';
const SIGN_IN = 'POST /v1/auth/login HTTP/1.1';

it.each([['GET /healthz HTTP/1.1'], [SIGN_IN, JSON_TYPE, 'Content-Length: 10']])('refuses two hosts: %s', async (head, ...headers) => {
  expect(await ask(head, HOST, 'host: elsewhere', ...headers)).toMatch(/^HTTP\/1.1 400 [^]+request.malformed/);
});

it('refuses two hosts of a socket', async () => {
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  expect(await ask('GET /v1/socket HTTP/1.1', HOST, ...upgrade)).toMatch(/^HTTP\/1.1 101 /);
  expect(await ask('GET /v1/socket HTTP/1.1', HOST, 'Host: elsewhere', ...upgrade)).toMatch(/^HTTP\/1.1 400 /);
});

it.each([
  [JSON_TYPE, 'Content-Encoding: gzip', 'Content-Length: 10'],
  [JSON_TYPE, 'Content-Encoding: identity, br', 'Transfer-Encoding: chunked'],
  ['Content-Type: application/json; charset=iso-8859-1', 'Content-Length: 10'],
  ['Content-Type: application/json;charset="UTF-16"', 'Content-Length: 10'],
  ['Content-Type: multipart/form-data; boundary=x; charset=shift_jis', 'Content-Length: 10'],
])('reads no body that is encoded or no UTF-8, and does not wait for it: %s %s', async (...headers) => {
  expect(await ask(SIGN_IN, HOST, ...headers)).toMatch(/^HTTP\/1.1 415 [^]+request.unsupported_media_type/);
});

it.each([
  ['application/json; charset=utf-8', 'identity'],
  ['application/json;charset="UTF-8"', ''],
  ['application/json; charset=us-ascii', 'Identity'],
])('reads %s, %s', async (type, encoding) => {
  const headers = { 'content-type': type, 'content-encoding': encoding };
  const answer = await fetch(`http://127.0.0.1:${port}/v1/auth/login`, { method: 'POST', headers, body: '{}' });

  expect(await answer.json()).toMatchObject({ code: 'request.invalid' });
});
