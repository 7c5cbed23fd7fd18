import { randomUUID } from 'node:crypto';
import type {
  ApiKey,
  CreatedApiKey,
  CreatedInvitation,
  Invitation,
  Me,
  Member,
  MyOrganization,
  Organization,
  Page,
  Problem,
  Session,
  SignedIn,
  TokenPair,
  User,
} from '@atrium/contracts';
import { anonymous, Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';

const login = (person: Pick<Person, 'email' | 'password'>, more: object = {}) =>
  anonymous().post<SignedIn>('/v1/auth/login', { email: person.email, password: person.password, ...more });

describe('accounts', () => {
  it('register, sign in and say who they are', async () => {
    const owner = await newOrganization('Northwind');

    const me = await owner.api.get<Me>('/v1/me');

    expect(me).toMatchObject({ user: { email: owner.email }, organization: { name: 'Northwind' }, role: 'owner', agentId: null });
    const again = await login({ ...owner, email: ` ${owner.email.toUpperCase()} ` });
    expect(again.organization.id).toBe(owner.organization.id);
    expect(again.expiresIn).toBe(600);
  });

  it('keep an e-mail address for one account, however it is written', async () => {
    const owner = await newOrganization();
    const body = { email: owner.email.toUpperCase(), password: 'another password', displayName: 'X', organizationName: 'Y' };

    const problem = await anonymous().refused(409, 'POST', '/v1/auth/register', { body });

    expect(problem.code).toBe('organizations.email_taken');
  });

  it('are made once by parallel registrations', async () => {
    const body = { email: `p-${randomUUID()}@example.com`, password: 'a long password', displayName: 'P', organizationName: 'Parallel' };

    const answers = await Promise.all(Array.from({ length: 5 }, () => anonymous().call<SignedIn>('POST', '/v1/auth/register', { body })));

    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409, 409, 409]);
    const signedIn = await login(body);
    const mine = await new Api(signedIn.accessToken).get<Page<MyOrganization>>('/v1/organizations');
    expect(mine.data).toHaveLength(1);
  });

  it('answer a repeated registration with the first one’s tokens', async () => {
    const body = { email: `i-${randomUUID()}@example.com`, password: 'a long password', displayName: 'I', organizationName: 'Idem' };
    const headers = { 'idempotency-key': randomUUID() };

    const first = await anonymous().call<SignedIn>('POST', '/v1/auth/register', { body, headers });
    const second = await anonymous().call<SignedIn>('POST', '/v1/auth/register', { body, headers });

    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
  });

  it('refuse an unknown e-mail and a wrong password in the same words', async () => {
    const owner = await newOrganization();

    const wrong = await anonymous().refused(401, 'POST', '/v1/auth/login', { body: { email: owner.email, password: 'not the password' } });
    const unknown = await anonymous().refused(401, 'POST', '/v1/auth/login', {
      body: { email: `${randomUUID()}@example.com`, password: 'not the password' },
    });

    expect({ ...wrong, requestId: '' }).toEqual({ ...unknown, requestId: '' });
    expect(wrong.code).toBe('auth.invalid_credentials');
  });

  it('are closed for a while after ten wrong passwords', async () => {
    const owner = await newOrganization();
    for (let i = 0; i < 10; i += 1) {
      await anonymous().refused(401, 'POST', '/v1/auth/login', { body: { email: owner.email, password: `wrong ${i}` } });
    }

    const answer = await anonymous().call('POST', '/v1/auth/login', { body: { email: owner.email, password: owner.password } });

    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('rename themselves in every organization', async () => {
    const owner = await newOrganization();
    const second = await owner.api.post<MyOrganization>('/v1/organizations', { name: 'Second' });
    const there = new Api((await login(owner, { organizationId: second.id })).accessToken);

    const user = await owner.api.patch<User>('/v1/me', { displayName: 'Olga' });

    expect(user.displayName).toBe('Olga');
    for (const api of [owner.api, there]) {
      expect((await api.get<Member>(`/v1/members/${owner.user.id}`)).displayName).toBe('Olga');
    }
  });
});

describe('sessions', () => {
  it('are listed and ended one by one', async () => {
    const owner = await newOrganization();
    const other = await login(owner);
    const sessions = await owner.api.get<Page<Session>>('/v1/me/sessions');
    expect(sessions.data.map((session) => session.current)).toEqual([false, true]);

    await owner.api.delete(`/v1/me/sessions/${sessions.data[0]?.id}`);

    await new Api(other.accessToken).refused(401, 'GET', '/v1/me');
    await owner.api.get('/v1/me');
    const gone = await owner.api.refused(404, 'DELETE', `/v1/me/sessions/${sessions.data[0]?.id}`);
    const foreign = await newOrganization();
    const notMine = await foreign.api.refused(404, 'DELETE', `/v1/me/sessions/${sessions.data[1]?.id}`);
    expect(gone.code).toBe(notMine.code);
  });

  it('end by logout at once, and all by logout-all', async () => {
    const owner = await newOrganization();
    const [second, third] = [await login(owner), await login(owner)];

    await owner.api.post('/v1/auth/logout');
    await owner.api.refused(401, 'GET', '/v1/me');
    await new Api(second.accessToken).post('/v1/auth/logout-all');

    await new Api(third.accessToken).refused(401, 'GET', '/v1/me');
    await anonymous().refused(401, 'POST', '/v1/auth/refresh', { body: { refreshToken: third.refreshToken } });
  });

  it('end with a change of the password, but for the one that changes it', async () => {
    const owner = await newOrganization();
    const other = await login(owner);
    const change = { currentPassword: owner.password, newPassword: 'another long password' };
    const wrong = { body: { ...change, currentPassword: 'not the password' } };
    expect(await owner.api.refused(403, 'PUT', '/v1/me/password', wrong)).toMatchObject({ code: 'auth.wrong_password' });
    expect(await owner.api.refused(400, 'PUT', '/v1/me/password', { body: { ...change, newPassword: 'short' } })).toMatchObject({
      errors: [{ pointer: '/newPassword' }],
    });
    const headers = { 'idempotency-key': randomUUID() };
    for (const status of [204, 204])
      expect(await owner.api.call('PUT', '/v1/me/password', { body: change, headers })).toMatchObject({ status });

    await new Api(other.accessToken).refused(401, 'GET', '/v1/me');
    await anonymous().refused(401, 'POST', '/v1/auth/refresh', { body: { refreshToken: other.refreshToken } });
    await owner.api.get('/v1/me');
    await anonymous().refused(401, 'POST', '/v1/auth/login', { body: { email: owner.email, password: owner.password } });
    expect((await login({ ...owner, password: change.newPassword })).accessToken).toBeTruthy();
  });

  it('are opened at once by one person, and those with the old password end while it changes', async () => {
    const owner = await newOrganization();
    await Promise.all(Array.from({ length: 4 }, () => login(owner)));
    const body = { currentPassword: owner.password, newPassword: 'another long password' };
    const logins = Array.from({ length: 5 }, async (_, n) => {
      await new Promise((resolve) => setTimeout(resolve, n * 15));
      return login(owner).catch(() => null);
    });
    await owner.api.put('/v1/me/password', body);
    for (const opened of await Promise.all(logins)) if (opened) await new Api(opened.accessToken).refused(401, 'GET', '/v1/me');
  });

  it('take no password that other passwords would equal', async () => {
    const { api } = await newOrganization();
    const owner = { email: `p-${randomUUID()}@example.com`, displayName: 'P', organizationName: 'P', password: '\ud800'.repeat(12) };
    expect(await api.refused(400, 'POST', '/v1/auth/register', { body: owner })).toMatchObject({ errors: [{ pointer: '/password' }] });
    const signedIn = await api.post<SignedIn>('/v1/auth/register', { ...owner, password: 'p\u00e4ssw\u00f6rter' });
    const again = await api.post<SignedIn>('/v1/auth/login', { email: owner.email, password: 'pa\u0308sswo\u0308rter' });
    expect(again.user.id).toBe(signedIn.user.id);
  });

  it('switch to another organization of the person and to no other', async () => {
    const owner = await newOrganization();
    const stranger = await newOrganization();
    const second = await owner.api.post<MyOrganization>('/v1/organizations', { name: 'Second' });

    const switched = await owner.api.post<SignedIn>('/v1/auth/switch', { organizationId: second.id });

    expect(switched.organization.name).toBe('Second');
    expect((await new Api(switched.accessToken).get<Organization>('/v1/organization')).id).toBe(second.id);
    const foreign = await owner.api.refused(404, 'POST', '/v1/auth/switch', { body: { organizationId: stranger.organization.id } });
    const missing = await owner.api.refused(404, 'POST', '/v1/auth/switch', { body: { organizationId: randomUUID() } });
    expect({ ...foreign, requestId: '' }).toEqual({ ...missing, requestId: '' });
  });

  it('do not leak to another person who sends the same Idempotency-Key', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);
    const headers = { 'idempotency-key': randomUUID() };
    const body = { organizationId: owner.organization.id };

    const mine = await owner.api.ok<SignedIn>('POST', '/v1/auth/switch', { body, headers });
    const theirs = await colleague.api.ok<SignedIn>('POST', '/v1/auth/switch', { body, headers });

    expect(mine.user.id).toBe(owner.user.id);
    expect(theirs.user.id).toBe(colleague.user.id);
  });

  it('keep a browser’s refresh token in a cookie that needs its CSRF token', async () => {
    const owner = await newOrganization();
    const answer = await anonymous().call<SignedIn>('POST', '/v1/auth/login', {
      body: { email: owner.email, password: owner.password, transport: 'cookie' },
    });
    const set = answer.headers.get('set-cookie') ?? '';
    const cookie = set.split(';')[0] ?? '';
    expect(set).toMatch(/^atrium_refresh=[\w-]{70}; Max-Age=2592000; Path=\/v1\/auth; HttpOnly; SameSite=Strict$/);
    expect(answer.body.refreshToken).toBeUndefined();

    const refused = await anonymous().refused(403, 'POST', '/v1/auth/refresh', { headers: { cookie } });
    const headers = { cookie, 'x-csrf-token': answer.body.csrfToken ?? '' };
    const refreshed = await anonymous().call<TokenPair>('POST', '/v1/auth/refresh', { headers });

    expect(refused.code).toBe('auth.csrf_refused');
    expect(refreshed.status).toBe(200);
    expect(refreshed.body).toMatchObject({ csrfToken: answer.body.csrfToken, expiresIn: 600 });
    const api = new Api(refreshed.body.accessToken);
    await api.refused(403, 'POST', '/v1/auth/logout', { headers: { cookie } });
    const out = await api.call('POST', '/v1/auth/logout', { headers });
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
  });
});

describe('organizations', () => {
  it('are renamed with an ETag that guards against lost changes', async () => {
    const owner = await newOrganization('Before');
    const read = await owner.api.call<Organization>('GET', '/v1/organization');
    const etag = read.headers.get('etag') ?? '';

    const renamed = await owner.api.ok<Organization>('PATCH', '/v1/organization', {
      body: { name: 'After' },
      headers: { 'if-match': etag },
    });

    expect(renamed.name).toBe('After');
    await owner.api.refused(412, 'PATCH', '/v1/organization', { body: { name: 'Late' }, headers: { 'if-match': etag } });
  });

  it('are founded once by a repeated request', async () => {
    const owner = await newOrganization();
    const options = { body: { name: 'Once' }, headers: { 'idempotency-key': randomUUID() } };

    const first = await owner.api.ok<MyOrganization>('POST', '/v1/organizations', options);
    const second = await owner.api.ok<MyOrganization>('POST', '/v1/organizations', options);

    expect(second.id).toBe(first.id);
    expect((await owner.api.get<Page<MyOrganization>>('/v1/organizations')).data).toHaveLength(2);
  });

  it('show nothing of themselves to a stranger', async () => {
    const owner = await newOrganization('Private');
    const colleague = await newColleague(owner);
    const stranger = await newOrganization('Elsewhere');

    const members = await stranger.api.get<Page<Member>>('/v1/members');
    expect(members.data.map((member) => member.userId)).toEqual([stranger.user.id]);
    for (const method of ['GET', 'DELETE', 'PATCH']) {
      const body = method === 'PATCH' ? { role: 'guest' } : undefined;
      const foreign = await stranger.api.refused(404, method, `/v1/members/${colleague.user.id}`, { body });
      const missing = await stranger.api.refused(404, method, `/v1/members/${randomUUID()}`, { body });
      expect({ ...foreign, requestId: '', instance: '' }).toEqual({ ...missing, requestId: '', instance: '' });
    }
  });
});

describe('members', () => {
  it('are listed page by page, but not to guests', async () => {
    const owner = await newOrganization();
    await newColleague(owner);
    const guest = await newColleague(owner, 'guest');

    const first = await owner.api.call<Page<Member>>('GET', '/v1/members', { query: { limit: 2 } });
    const rest = await owner.api.get<Page<Member>>('/v1/members', { limit: 2, cursor: first.body.nextCursor ?? '' });

    expect(Number(first.headers.get('x-event-seq'))).toBeGreaterThan(0);
    expect([...first.body.data, ...rest.data].map((member) => member.role).sort()).toEqual(['guest', 'member', 'owner']);
    expect(rest.nextCursor).toBeNull();
    expect((await guest.api.refused(403, 'GET', '/v1/members')).code).toBe('auth.permission_missing');
  });

  it('lose their sessions when their role changes, and come back with the new one', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);

    const changed = await owner.api.patch<Member>(`/v1/members/${colleague.user.id}`, { role: 'admin' });

    expect(changed.role).toBe('admin');
    await colleague.api.refused(401, 'GET', '/v1/me');
    await anonymous().refused(401, 'POST', '/v1/auth/refresh', { body: { refreshToken: colleague.refreshToken } });
    expect((await new Api((await login(colleague)).accessToken).get<Me>('/v1/me')).role).toBe('admin');
  });

  it('cannot sign in while suspended, and can again afterwards', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);

    await owner.api.patch(`/v1/members/${colleague.user.id}`, { suspended: true });
    await colleague.api.refused(401, 'GET', '/v1/me');
    const refused = await anonymous().refused(403, 'POST', '/v1/auth/login', {
      body: { email: colleague.email, password: colleague.password },
    });
    await owner.api.patch(`/v1/members/${colleague.user.id}`, { suspended: false });

    expect(refused.code).toBe('auth.no_membership');
    await colleague.api.refused(401, 'GET', '/v1/me');
    await login(colleague);
  });

  it('are gone at once when removed, keys too, and can be invited again', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);
    const { key } = await colleague.api.post<CreatedApiKey>('/v1/api-keys', { name: 'script' });
    await new Api(key).get('/v1/me');

    await owner.api.delete(`/v1/members/${colleague.user.id}`);

    await colleague.api.refused(401, 'GET', '/v1/me');
    await new Api(key).refused(401, 'GET', '/v1/me');
    const again = await owner.api.post<CreatedInvitation>('/v1/invitations', { email: colleague.email });
    await anonymous().post('/v1/invitations/accept', { token: again.token, password: colleague.password });
    await new Api(key).refused(401, 'GET', '/v1/me');
    await colleague.api.refused(401, 'GET', '/v1/me');
  });

  it('may leave, but the last owner may not', async () => {
    const owner = await newOrganization();
    const guest = await newColleague(owner, 'guest');

    await guest.api.delete(`/v1/members/${guest.user.id}`);
    const last = await owner.api.refused(409, 'DELETE', `/v1/members/${owner.user.id}`);

    await guest.api.refused(401, 'GET', '/v1/me');
    expect(last.code).toBe('organizations.last_owner');
  });

  it('keep an owner when two owners demote each other at once', async () => {
    const first = await newOrganization();
    const second = await newColleague(first, 'owner');

    const answers = await Promise.all([
      first.api.call('PATCH', `/v1/members/${second.user.id}`, { body: { role: 'member' } }),
      second.api.call('PATCH', `/v1/members/${first.user.id}`, { body: { role: 'member' } }),
    ]);

    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
  });

  it('cannot touch a role above their own, or anybody without the permission', async () => {
    const owner = await newOrganization();
    const admin = await newColleague(owner, 'admin');
    const member = await newColleague(owner);

    const above = await admin.api.refused(403, 'PATCH', `/v1/members/${owner.user.id}`, { body: { role: 'member' } });
    const gift = await admin.api.refused(403, 'PATCH', `/v1/members/${member.user.id}`, { body: { role: 'owner' } });
    const removal = await admin.api.refused(403, 'DELETE', `/v1/members/${owner.user.id}`);
    const denied = await member.api.refused(403, 'DELETE', `/v1/members/${randomUUID()}`);

    expect([above.code, gift.code, removal.code]).toEqual(Array.from({ length: 3 }, () => 'organizations.role_too_high'));
    expect(denied.code).toBe('auth.permission_missing');
  });
});

describe('invitations', () => {
  it('let one person in, once', async () => {
    const owner = await newOrganization();
    const email = `invited-${randomUUID()}@example.com`;
    const invitation = await owner.api.post<CreatedInvitation>('/v1/invitations', { email, role: 'guest' });
    const body = { token: invitation.token, password: 'a long password', displayName: 'Ina' };
    expect(invitation.link).toContain(`#${invitation.token}`);

    const signedIn = await anonymous().post<SignedIn>('/v1/invitations/accept', body);
    const again = await anonymous().refused(404, 'POST', '/v1/invitations/accept', { body });

    expect(signedIn).toMatchObject({ user: { email, displayName: 'Ina' }, organization: { id: owner.organization.id } });
    expect(again.code).toBe('organizations.invitation_not_found');
    const [listed] = (await owner.api.get<Page<Invitation>>('/v1/invitations')).data;
    expect(listed?.acceptedAt).not.toBeNull();
    expect(JSON.stringify(listed)).not.toContain(invitation.token);
  });

  it('add an organization to an account that proves itself by its password', async () => {
    const owner = await newOrganization();
    const other = await newOrganization('Other');
    const { token } = await owner.api.post<CreatedInvitation>('/v1/invitations', { email: other.email });

    await anonymous().refused(401, 'POST', '/v1/invitations/accept', {
      body: { token, password: 'not the password', displayName: 'Thief' },
    });
    const signedIn = await anonymous().post<SignedIn>('/v1/invitations/accept', { token, password: other.password });

    expect(signedIn.user.id).toBe(other.user.id);
    expect((await other.api.get<Page<MyOrganization>>('/v1/organizations')).data.map((mine) => mine.role).sort()).toEqual([
      'member',
      'owner',
    ]);
  });

  it('make a member once of somebody who accepts two of them at once', async () => {
    const owner = await newOrganization();
    const other = await newOrganization('Other');
    const invite = () => owner.api.post<CreatedInvitation>('/v1/invitations', { email: other.email });
    const tokens = [(await invite()).token, (await invite()).token];

    const answers = await Promise.all(
      tokens.map((token) => anonymous().call<Problem>('POST', '/v1/invitations/accept', { body: { token, password: other.password } })),
    );

    const [joined, refused] = answers.sort((a, b) => a.status - b.status);
    expect([joined?.status, refused?.status, refused?.body.code]).toEqual([201, 409, 'organizations.already_member']);
  });

  it('end when withdrawn, and cannot give more than the inviter has', async () => {
    const owner = await newOrganization();
    const admin = await newColleague(owner, 'admin');
    const invitation = await admin.api.post<CreatedInvitation>('/v1/invitations', { email: `w-${randomUUID()}@example.com` });

    await admin.api.delete(`/v1/invitations/${invitation.id}`);

    const body = { token: invitation.token, password: 'a long password', displayName: 'W' };
    await anonymous().refused(404, 'POST', '/v1/invitations/accept', { body });
    await admin.api.refused(403, 'POST', '/v1/invitations', { body: { email: 'boss@example.com', role: 'owner' } });
    const member = await admin.api.refused(409, 'POST', '/v1/invitations', { body: { email: owner.email } });
    expect(member.code).toBe('organizations.already_member');
    const stranger = await newOrganization();
    const open = await owner.api.post<CreatedInvitation>('/v1/invitations', { email: `o-${randomUUID()}@example.com` });
    await stranger.api.refused(404, 'DELETE', `/v1/invitations/${open.id}`);
  });
});

describe('API keys', () => {
  it('act for their owner within their scopes', async () => {
    const owner = await newOrganization();
    const created = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'reader', scopes: ['account:read', 'members:read'] });
    const api = new Api(created.key);

    expect((await api.get<Me>('/v1/me')).permissions.sort()).toEqual(['account:read', 'members:read']);
    await api.get('/v1/members');
    await api.refused(403, 'PATCH', '/v1/organization', { body: { name: 'Mine now' } });
    const [listed] = (await owner.api.get<Page<ApiKey>>('/v1/api-keys')).data;
    expect(created.key.startsWith(listed?.prefix ?? '?')).toBe(true);
    expect(JSON.stringify(listed)).not.toContain(created.key);
    await eventually('last use', async () => (await owner.api.get<Page<ApiKey>>('/v1/api-keys')).data[0]?.lastUsedAt);
  });

  it('lose what their owner loses', async () => {
    const owner = await newOrganization();
    const admin = await newColleague(owner, 'admin');
    const { key } = await admin.api.post<CreatedApiKey>('/v1/api-keys', { name: 'audit', scopes: ['audit:read', 'account:read'] });

    await owner.api.patch(`/v1/members/${admin.user.id}`, { role: 'member' });

    expect((await new Api(key).get<Me>('/v1/me')).permissions).toEqual(['account:read']);
  });

  it('stop at once when revoked, or when their time is over', async () => {
    const owner = await newOrganization();
    const created = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'short' });
    await new Api(created.key).get('/v1/me');

    await owner.api.delete(`/v1/api-keys/${created.id}`);

    await new Api(created.key).refused(401, 'GET', '/v1/me');
    await owner.api.refused(404, 'DELETE', `/v1/api-keys/${created.id}`);
    const expiresAt = new Date(Date.now() + 800).toISOString();
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'a moment', expiresAt });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await new Api(key).refused(401, 'GET', '/v1/me');
    await owner.api.refused(400, 'POST', '/v1/api-keys', { body: { name: 'past', expiresAt: new Date(0).toISOString() } });

    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const maker = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'maker', scopes: ['api-keys:manage'], expiresAt: soon });
    for (const more of [{}, { expiresAt: new Date(Date.now() + 7_200_000).toISOString() }])
      expect(await new Api(maker.key).post<CreatedApiKey>('/v1/api-keys', { name: 'made', ...more })).toMatchObject({ expiresAt: soon });
  });

  it('are one’s own: neither a colleague nor a stranger sees or revokes them', async () => {
    const owner = await newOrganization();
    const member = await newColleague(owner);
    const stranger = await newOrganization();
    const { id } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'mine' });

    for (const { api } of [member, stranger]) {
      expect((await api.get<Page<ApiKey>>('/v1/api-keys')).data).toEqual([]);
      await api.refused(404, 'DELETE', `/v1/api-keys/${id}`);
    }
    const beyond = await member.api.refused(403, 'POST', '/v1/api-keys', { body: { name: 'more', scopes: ['audit:read'] } });
    expect(beyond.code).toBe('organizations.api_key_scope');
  });

  it('cannot touch the account behind them', async () => {
    const owner = await newOrganization();
    const second = await owner.api.post<MyOrganization>('/v1/organizations', { name: 'Second' });
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key' });
    const api = new Api(key);

    await api.refused(403, 'PATCH', '/v1/me', { body: { displayName: 'Mallory' } });
    await api.refused(403, 'POST', '/v1/auth/logout-all');
    await api.refused(403, 'POST', '/v1/auth/switch', { body: { organizationId: second.id } });
    await api.refused(403, 'POST', '/v1/organizations', { body: { name: 'Third' } });
    const seen = (await api.get<Page<MyOrganization>>('/v1/organizations')).data.map((mine) => mine.id);
    expect(seen).toEqual([owner.organization.id]);
  });
});
