import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Document, Page } from '@atrium/contracts';
import { eventually, newOrganization } from '../../../test/lib/api.js';
import { testRun } from '../../../test/lib/run.js';
import { openTestApp } from '../../../test/lib/test-app.js';

let opened: Awaited<ReturnType<typeof openTestApp>>;
let port: number;
beforeAll(async () => {
  opened = await openTestApp({ REQUEST_SECONDS: '1' });
  await opened.app.listen(0, '127.0.0.1');
  ({ port } = opened.app.getHttpServer().address() as AddressInfo);
});
let ending: Promise<void> | undefined;
const end = () => (ending ??= opened.close());
afterAll(end);

/** Sends what `parts` gives until it ends or the server closes, and answers what came back. */
async function converse(parts: (socket: Socket) => AsyncIterable<string>): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (piece: Buffer) => (answer += piece.toString()));
  const closed = once(socket, 'close');
  for await (const part of parts(socket)) {
    if (socket.destroyed || socket.readableEnded) break;
    socket.write(part);
  }
  await closed;
  return answer;
}
/** A byte now and then, without end. */
async function* trickle(start: string): AsyncIterable<string> {
  yield start;
  for (;;) {
    await wait(50);
    yield 'a';
  }
}
async function* nothing(): AsyncIterable<string> {}

const head = (path: string, ...headers: string[]) => [`POST ${path} HTTP/1.1`, 'Host: atrium', ...headers, '', ''].join('\r\n');
const START = '--x\r\nContent-Disposition: form-data; name="file"; filename="slow.txt"\r\nContent-Type: text/plain\r\n\r\n';

it('ends a connection that asks nothing, without a word that could be taken for an answer', async () => {
  expect(await converse(nothing)).toBe('');
});

it('ends headers that trickle', async () => {
  expect(await converse(() => trickle('GET /healthz HTTP/1.1\r\nHost: atrium\r\nX-Slow: '))).toMatch(/^HTTP\/1.1 408 [^]+request.too_slow/);
});

it.each(['Content-Length: 60000', 'Transfer-Encoding: chunked'])('ends a JSON body that trickles: %s', async (length) => {
  const start = head('/v1/auth/login', 'Content-Type: application/json', length);

  const answer = await converse(() => trickle(start + (length.startsWith('T') ? 'ffff\r\n"' : '"')));

  expect(answer).toMatch(/^HTTP\/1.1 408 [^]+application\/problem\+json[^]+request.too_slow/);
});

it('ends a body that brought much and then nothing', async () => {
  const start = head('/v1/channels', 'Content-Type: application/json', 'Content-Length: 1048000');

  const answer = await converse(async function* () {
    yield `${start}"${'a'.repeat(1_000_000)}`;
    for (;;) {
      await wait(50);
      yield '';
    }
  });

  expect(answer).toMatch(/^HTTP\/1.1 408 [^]+request.too_slow/);
});

it('ends a file that trickles, and keeps nothing of it', async () => {
  const owner = await newOrganization();
  const start = head(
    '/v1/documents',
    `Authorization: Bearer ${owner.accessToken}`,
    'Content-Type: multipart/form-data; boundary=x',
    'Content-Length: 1000000',
  );

  expect(await converse(() => trickle(start + START))).toMatch(/^HTTP\/1.1 408 [^]+request.too_slow/);
  expect((await owner.api.get<Page<Document>>('/v1/documents')).data).toEqual([]);
  const folder = join(testRun().dataDir, 'blobs', owner.organization.id);
  const left = async () => (await readdir(folder, { recursive: true })).filter((name) => /\.(tmp|blob)$/.test(name));
  await eventually('no file is left', async () => (await left()).length === 0);
});

it('takes a file that needs longer and comes', async () => {
  const owner = await newOrganization();
  const pieces = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(32_768));
  const closing = '\r\n--x--\r\n';
  const start = head(
    '/v1/documents',
    `Authorization: Bearer ${owner.accessToken}`,
    'Content-Type: multipart/form-data; boundary=x',
    `Content-Length: ${START.length + 8 * 32_768 + closing.length}`,
    'Connection: close',
  );

  const answer = await converse(async function* () {
    yield start + START;
    for (const piece of pieces) {
      await wait(300);
      yield piece;
    }
    yield closing;
  });

  expect(answer).toMatch(/^HTTP\/1.1 202 /);
});

it('does not wait for a connection that asks nothing when the server ends', async () => {
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const closed = once(silent, 'close');

  await end();

  await closed;
});
