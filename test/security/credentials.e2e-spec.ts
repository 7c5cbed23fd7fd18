import { randomUUID } from 'node:crypto';
import type { CreatedApiKey, Me, Organization, Problem } from '@atrium/contracts';
import { anonymous, Api, newColleague, newOrganization, type Person } from '../lib/api.js';
import { LiveClient } from '../lib/live-client.js';

const REFUSED = {
  status: 401,
  code: 'auth.invalid_token',
  detail:
    'The token or API key is unknown, expired or revoked, or its owner was suspended. Sign in again, or make a new key; if that fails too, ask an administrator.',
};
const refusalOf = async (api: Api, headers: Record<string, string> = {}) => {
  const { status, body } = await api.call<Problem>('GET', '/v1/me', { headers });
  return { status, code: body.code, detail: body.detail };
};

describe('API keys', () => {
  let owner: Person;
  let key: string;
  beforeAll(async () => {
    owner = await newOrganization();
    ({ key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'a key' }));
  });
  const flip = (at: number) => key.slice(0, at) + (key[at] === 'A' ? 'B' : 'A') + key.slice(at + 1);

  it('work as they are', async () => {
    expect((await new Api(key).get<Me>('/v1/me')).user.id).toBe(owner.user.id);
  });

  it('are refused with any character changed, and in the same words as an access token', async () => {
    const answers = await Promise.all(Array.from({ length: key.length }, (_, at) => refusalOf(new Api(flip(at)))));

    expect(answers.filter((answer) => JSON.stringify(answer) !== JSON.stringify(REFUSED))).toEqual([]);
  });

  it.each<[string, () => string]>([
    ['cut', () => key.slice(0, -1)],
    ['cut to its prefix', () => key.slice(0, 12)],
    ['of the prefix only', () => 'atr_'],
    ['lengthened', () => `${key}A`],
    ['doubled', () => key + key],
    ['in upper case', () => key.toUpperCase()],
    ['in lower case', () => key.toLowerCase()],
    ['with padding', () => `${key}=`],
    ['without its prefix', () => key.slice(4)],
    ['in quotes', () => `"${key}"`],
    ['with SQL behind it', () => `${key}'--`],
    ['made up', () => `atr_${randomUUID().replaceAll('-', '')}`],
    ['of 8 KB', () => `atr_${'A'.repeat(8_000)}`],
  ])('are refused %s', async (_how, mutation) => {
    expect(await refusalOf(new Api(mutation()))).toEqual(REFUSED);
  });

  it.each<[string, () => Record<string, string>]>([
    ['as Basic', () => ({ authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` })],
    ['as X-API-Key', () => ({ 'x-api-key': key })],
    ['in a cookie', () => ({ cookie: `authorization=Bearer ${key}; atrium_refresh=${key}` })],
    ['twice', () => ({ authorization: `Bearer ${key} ${key}` })],
    ['without a scheme', () => ({ authorization: key })],
  ])('are not looked for %s', async (_where, headers) => {
    expect(await refusalOf(anonymous(), headers())).toMatchObject({ status: 401, code: 'auth.required' });
  });

  it.each(['access_token', 'token', 'api_key', 'key', 'ticket', 'authorization'])('are not looked for in the query as %s', async (name) => {
    const { status } = await anonymous().call('GET', '/v1/events', { query: { [name]: key } });

    expect([400, 401]).toContain(status);
  });

  it('name their organization alone: no header or host leads elsewhere', async () => {
    const other = await newOrganization('Other');
    const headers = {
      'x-org-id': other.organization.id,
      'x-organization-id': other.organization.id,
      'x-tenant-id': other.organization.id,
      'x-forwarded-host': `${other.organization.id}.example.com`,
      'x-original-url': `/v1/organizations/${other.organization.id}`,
    };
    for (const token of [key, owner.accessToken]) {
      const { body } = await new Api(token).call<Organization>('GET', '/v1/organization', { headers });
      expect(body.id).toBe(owner.organization.id);
    }
  });

  it('cannot make, see or end what belongs to a session', async () => {
    const api = new Api(key);
    const calls: [string, string, unknown?][] = [
      ['POST', '/v1/api-keys', { name: 'more' }],
      ['POST', '/v1/auth/logout-all', {}],
      ['POST', '/v1/auth/logout', {}],
      ['PATCH', '/v1/me', { displayName: 'Other' }],
      ['PUT', '/v1/me/password', { currentPassword: 'a long password', newPassword: 'another long password' }],
      ['PATCH', `/v1/members/${owner.user.id}`, { role: 'member' }],
      ['DELETE', `/v1/members/${owner.user.id}`],
      ['POST', '/v1/invitations', { email: 'x@example.com' }],
      ['PATCH', '/v1/organization', { name: 'Other' }],
    ];
    for (const [method, path, body] of calls) {
      const { status } = await api.call(method, path, body === undefined ? {} : { body });
      expect({ method, path, status }).toEqual({ method, path, status: 403 });
    }
  });
});

describe('open connections', () => {
  it('of a key end within two seconds of its revocation', async () => {
    const owner = await newOrganization();
    const { key, id } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'short' });
    const socket = await LiveClient.connect(key);
    const response = await fetch(`${owner.api.baseUrl}/v1/events`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${key}` },
    });
    const ended = response.text();

    await owner.api.delete(`/v1/api-keys/${id}`);

    await socket.waitForClose(2_000);
    await Promise.race([ended, new Promise((_, reject) => setTimeout(() => reject(new Error('the stream goes on')), 2_000).unref())]);
    expect(await refusalOf(new Api(key))).toEqual(REFUSED);
  });

  it.each<[string, (owner: Person, member: Person) => Promise<unknown>]>([
    ['is suspended', (owner, { user }) => owner.api.patch(`/v1/members/${user.id}`, { suspended: true })],
    ['is removed', (owner, { user }) => owner.api.delete(`/v1/members/${user.id}`)],
    ['gets another role', (owner, { user }) => owner.api.patch(`/v1/members/${user.id}`, { role: 'guest' })],
    ['logs out everywhere', (_owner, { api }) => api.post('/v1/auth/logout-all')],
  ])('of a person who %s end within two seconds, and the refresh token with them (AN-R5)', async (_what, act) => {
    const owner = await newOrganization();
    const member = await newColleague(owner);
    const socket = await LiveClient.connect(member.accessToken);

    await act(owner, member);

    await socket.waitForClose(2_000);
    expect(await refusalOf(member.api)).toEqual(REFUSED);
    await anonymous().refused(401, 'POST', '/v1/auth/refresh', { body: { refreshToken: member.refreshToken } });
    const again = await LiveClient.open();
    expect(await again.auth(member.accessToken)).toMatchObject({ type: 'error', problem: { status: 401 } });
    await again.close();
  });
});
