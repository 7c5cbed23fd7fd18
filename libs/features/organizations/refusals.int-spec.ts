import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { WebSocket } from 'ws';
import type { CreatedApiKey, Problem, ServerFrame } from '@atrium/contracts';
import { newOrganization, type Person } from '../../../test/lib/api.js';
import { testRun } from '../../../test/lib/run.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { ApiKeySecrets } from './api-key-secret.js';

const LIMIT = 3;
/** A well-formed key that nobody has. */
const strayKey = () => new ApiKeySecrets('x'.repeat(48)).make();
/** Counts may be shared by Redis with other runs: an address of the test's own. */
const newAddress = () => `198.18.${randomInt(256)}.${randomInt(256)}`;
const newNetwork = () => `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}:`;

let opened: Awaited<ReturnType<typeof openTestApp>>;
let app: NestFastifyApplication;
let owner: Person;
beforeAll(async () => {
  opened = await openTestApp({ REFUSED_CREDENTIALS_PER_MINUTE: String(LIMIT), TRUSTED_PROXIES: '127.0.0.1' });
  app = opened.app;
  await app.listen(0, '127.0.0.1');
  owner = await newOrganization();
});
afterAll(() => opened.close());

const call = (remoteAddress: string, token: string, url = '/v1/me') =>
  app.inject({ method: 'GET', url, remoteAddress, headers: { authorization: `Bearer ${token}` } });
const send = (remoteAddress: string, url: string, payload: object) => app.inject({ method: 'POST', url, remoteAddress, payload });
/** Uses up what the address has. */
async function close(address: string): Promise<void> {
  for (let n = 0; n <= LIMIT; n += 1) await call(address, strayKey());
}
const newKey = () => owner.api.post<CreatedApiKey>('/v1/api-keys', { name: randomUUID(), scopes: ['account:read'] });

describe('refused credentials', () => {
  it.each<[string, (address: string) => Promise<{ statusCode: number; headers: Record<string, unknown>; body: string }>]>([
    ['API keys', (address) => call(address, strayKey())],
    ['access tokens', (address) => call(address, randomUUID())],
    ['tickets', (address) => app.inject({ url: `/v1/events?ticket=${owner.organization.id}.${randomUUID()}`, remoteAddress: address })],
    ['keys at /mcp', (address) => app.inject({ method: 'POST', url: '/mcp', remoteAddress: address, headers: bearer(), payload: {} })],
    ['keys at /openai', (address) => call(address, strayKey(), '/openai/v1/models')],
    ['refresh tokens', (address) => send(address, '/v1/auth/refresh', { refreshToken: randomUUID() })],
    ['passwords', (address) => send(address, '/v1/auth/login', { email: `${randomUUID()}@example.com`, password: 'a wrong password' })],
  ])('are counted by address and answered 429 after too many: %s', async (_what, attempt) => {
    const address = newAddress();
    const answers = [];
    for (let n = 0; n <= LIMIT; n += 1) answers.push(await attempt(address));

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 401, 401, 429]);
    expect(answers.at(-1)?.body).toContain('request.rate_limited');
    expect(answers.at(-1)?.headers['retry-after']).toMatch(/^[1-9]\d?$/);
    expect((await attempt(newAddress())).statusCode).toBe(401);
  });

  it('are counted at sockets as well', async () => {
    const address = newAddress();
    await close(address);

    const { port } = app.getHttpServer().address() as AddressInfo;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/socket`, { headers: { 'x-forwarded-for': address } });
    socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', id: 'a', token: strayKey() })));
    const [[message], [code]] = (await Promise.all([once(socket, 'message'), once(socket, 'close')])) as [[Buffer], [number]];

    const frame = JSON.parse(message.toString()) as Extract<ServerFrame, { type: 'error' }>;
    expect(frame.problem).toMatchObject({ status: 429, code: 'request.rate_limited' });
    expect(code).toBe(4429);
  });

  it('of an IPv6 network count together', async () => {
    const network = newNetwork();
    for (let n = 1; n <= LIMIT; n += 1) await call(`${network}:${n}`, strayKey());

    expect((await call(`${network}:ffff`, strayKey())).statusCode).toBe(429);
    expect((await call(`${newNetwork()}:1`, strayKey())).statusCode).toBe(401);
  });

  it('keep nobody behind the same address from working or signing in', async () => {
    const address = newAddress();
    const { key } = await newKey();
    expect((await call(address, key)).statusCode).toBe(200);
    await close(address);

    const signIn = await send(address, '/v1/auth/login', { email: owner.email, password: owner.password });
    const refreshed = await send(address, '/v1/auth/refresh', { refreshToken: owner.refreshToken });

    expect((await call(address, key)).statusCode).toBe(200);
    expect((await call(address, owner.accessToken)).statusCode).toBe(200);
    expect([signIn.statusCode, refreshed.statusCode]).toEqual([200, 200]);
  });

  it('are not looked up any more where the address has had its own: a key that was never seen waits', async () => {
    const address = newAddress();
    await close(address);
    const { key } = await newKey();

    const answer = await call(address, key);

    expect(answer.json<Problem>()).toMatchObject({ status: 429, code: 'request.rate_limited' });
    expect((await call(newAddress(), key)).statusCode).toBe(200);
    expect((await call(address, key)).statusCode).toBe(200);
  });

  it('that come again and again count once for the address, then by themselves', async () => {
    const address = newAddress();
    const stray = strayKey();
    const statuses = [];
    for (let n = 0; n < LIMIT + 2; n += 1) statuses.push((await call(address, stray)).statusCode);

    expect(statuses).toEqual([401, 401, 401, 401, 429]);
    expect((await call(address, strayKey())).statusCode).toBe(401);
  });

  it('that were ours and have ended are told so, whatever the address did, and count by themselves', async () => {
    const address = newAddress();
    await close(address);
    const expired = () =>
      new SignJWT({ ...decodeJwt(owner.accessToken), jti: randomUUID() })
        .setProtectedHeader(decodeProtectedHeader(owner.accessToken) as { alg: string })
        .setExpirationTime('-1 minute')
        .sign(Buffer.from(jwtSecret()));
    const different = await Promise.all(Array.from({ length: LIMIT * 2 }, expired));

    expect(new Set(await Promise.all(different.map(async (token) => (await call(address, token)).statusCode)))).toEqual(new Set([401]));
    const statuses = [];
    const token = await expired();
    for (let n = 0; n <= LIMIT; n += 1) statuses.push((await call(address, token)).statusCode);
    expect(statuses).toEqual([401, 401, 401, 429]);
  });
});

const bearer = () => ({ authorization: `Bearer ${strayKey()}` });
const jwtSecret = () => process.env['JWT_SECRET'] ?? readFileSync(join(testRun().dataDir, 'secrets', 'jwt-secret'), 'utf8').trim();
