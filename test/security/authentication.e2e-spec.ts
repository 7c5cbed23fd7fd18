import { createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { AuditRow, CreatedApiKey, Page, Problem, SignedIn, TokenPair } from '@atrium/contracts';
import { anonymous, Api, newOrganization, type Person } from '../lib/api.js';
import { testRun } from '../lib/run.js';

type Json = Record<string, unknown>;

const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;
const secret = () =>
  process.env['JWT_SECRET']?.split(',')[0] ?? readFileSync(join(testRun().dataDir, 'secrets', 'jwt-secret'), 'utf8').trim();
const hmac = (input: string, key: string | Buffer, hash = 'sha256') => createHmac(hash, key).update(input).digest('base64url');

/** A token signed with the server's own secret: what is wrong with it is only what the case says. */
const forged = (header: unknown, payload: unknown, hash = 'sha256', key: string | Buffer = secret()) => {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${hmac(input, key, hash)}`;
};

async function owned<T extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<T[]> {
  const client = new pg.Client({ connectionString: testRun().database.ownerUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

const sidOf = (accessToken: string) => String(decode(accessToken.split('.')[1])['sid']);
const refresh = (refreshToken: string | undefined) =>
  anonymous().call<TokenPair & Problem>('POST', '/v1/auth/refresh', { body: { refreshToken } });
const reuseEvents = (sessionId: string) =>
  owned(`SELECT seq FROM events WHERE type = 'organizations.refresh_reused' AND data ->> 'sessionId' = $1`, [sessionId]);

describe('access tokens', () => {
  let owner: Person;
  let header: Json;
  let payload: Json;
  const now = () => Math.floor(Date.now() / 1_000);
  beforeAll(async () => {
    owner = await newOrganization();
    const [head, body] = owner.accessToken.split('.');
    header = decode(head);
    payload = decode(body);
  });

  it('are HS256 for ten minutes and hold ids only', () => {
    expect(header).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: expect.any(String) });
    expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'org', 'sid', 'sub']);
    expect(Number(payload['exp']) - Number(payload['iat'])).toBe(600);
  });

  it('are accepted when forged without a fault, so that the refusals below have their one reason each', async () => {
    await new Api(forged(header, payload)).get('/v1/me');
  });

  const without = (value: Json, name: string) => Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const rs256 = (head: Json, body: Json) => {
    const input = `${encode(head)}.${encode(body)}`;
    return `${input}.${sign('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')}`;
  };
  const parts = () => owner.accessToken.split('.') as [string, string, string];
  const cases: [string, () => string][] = [
    ['alg none without a signature', () => `${encode({ ...header, alg: 'none' })}.${encode(payload)}.`],
    ['alg nOnE', () => `${encode({ ...header, alg: 'nOnE' })}.${encode(payload)}.${parts()[2]}`],
    ['alg HS384', () => forged({ ...header, alg: 'HS384' }, payload, 'sha384')],
    ['alg HS512', () => forged({ ...header, alg: 'HS512' }, payload, 'sha512')],
    ['alg in lower case', () => forged({ ...header, alg: 'hs256' }, payload)],
    ['alg missing', () => forged(without(header, 'alg'), payload)],
    ['RS256 with a key of its own', () => rs256({ ...header, alg: 'RS256' }, payload)],
    ['RS256 with an embedded jwk', () => rs256({ ...header, alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }) }, payload)],
    ['HS256 with a public key', () => forged(header, payload, 'sha256', pem)],
    ['HS256 with an empty key', () => forged(header, payload, 'sha256', '')],
    ['HS256 with another key', () => forged(header, payload, 'sha256', randomBytes(48))],
    ['a payload changed afterwards', () => `${parts()[0]}.${encode({ ...payload, sub: randomUUID() })}.${parts()[2]}`],
    ['no signature', () => parts().slice(0, 2).join('.')],
    ['an empty signature', () => `${parts()[0]}.${parts()[1]}.`],
    ['a signature cut', () => owner.accessToken.slice(0, -4)],
    ['padding', () => `${owner.accessToken}=`],
    ['four parts', () => `${owner.accessToken}.${parts()[2]}`],
    ['jku', () => forged({ ...header, jku: 'https://evil.example/jwks' }, payload)],
    ['jwk', () => forged({ ...header, jwk: { kty: 'oct', k: 'AA' } }, payload)],
    ['x5u', () => forged({ ...header, x5u: 'https://evil.example/x' }, payload)],
    ['x5c', () => forged({ ...header, x5c: ['AA'] }, payload)],
    ['crit', () => forged({ ...header, crit: ['exp'] }, payload)],
    ['b64 false', () => forged({ ...header, b64: false }, payload)],
    ['typ JWT', () => forged({ ...header, typ: 'JWT' }, payload)],
    ['typ missing', () => forged(without(header, 'typ'), payload)],
    ['kid unknown', () => forged({ ...header, kid: 'other' }, payload)],
    ['kid missing', () => forged(without(header, 'kid'), payload)],
    ['kid a path', () => forged({ ...header, kid: '../../dev/null' }, payload)],
    ['kid with SQL', () => forged({ ...header, kid: `'; DROP TABLE users; --` }, payload)],
    ['kid of a prototype', () => forged({ ...header, kid: '__proto__' }, payload)],
    ['kid of 10 KB', () => forged({ ...header, kid: 'k'.repeat(10_000) }, payload)],
    ['kid no text', () => forged({ ...header, kid: { toString: 'x' } }, payload)],
    ['a header that is no object', () => forged([header], payload)],
    ['a header that is no JSON', () => forged('{"alg":', payload)],
    ['exp passed', () => forged(header, { ...payload, iat: now() - 700, exp: now() - 100 })],
    ['exp missing', () => forged(header, without(payload, 'exp'))],
    ['exp null', () => forged(header, { ...payload, exp: null })],
    ['exp text', () => forged(header, { ...payload, exp: String(now() + 300) })],
    ['exp without end', () => forged(header, JSON.stringify(payload).replace(/"exp":\d+/, '"exp":1e400'))],
    ['a lifetime of a day', () => forged(header, { ...payload, exp: now() + 86_400 })],
    ['iat missing', () => forged(header, without(payload, 'iat'))],
    ['iat ahead', () => forged(header, { ...payload, iat: now() + 300, exp: now() + 600 })],
    ['iat without start', () => forged(header, JSON.stringify(payload).replace(/"iat":\d+/, '"iat":-1e400'))],
    ['nbf ahead', () => forged(header, { ...payload, nbf: now() + 300 })],
    ['another issuer', () => forged(header, { ...payload, iss: 'evil' })],
    ['no issuer', () => forged(header, without(payload, 'iss'))],
    ['another audience', () => forged(header, { ...payload, aud: 'other' })],
    ['a list of audiences', () => forged(header, { ...payload, aud: ['atrium-api', 'other'] })],
    ['no audience', () => forged(header, without(payload, 'aud'))],
    ['another person', () => forged(header, { ...payload, sub: randomUUID() })],
    ['another organization', () => forged(header, { ...payload, org: randomUUID() })],
    ['another session', () => forged(header, { ...payload, sid: randomUUID() })],
    ['a session that is no id', () => forged(header, { ...payload, sid: `' OR 1=1` })],
    ['a payload that is a list', () => forged(header, [payload])],
    ['a payload that is text', () => forged(header, '"text"')],
    ['a payload that is no JSON', () => forged(header, '{')],
    ['9 KB', () => forged(header, { ...payload, more: 'x'.repeat(6_500) })],
    ['only dots', () => '..'],
    ['a refresh token', () => owner.refreshToken ?? ''],
    ['no token at all', () => 'undefined'],
  ];

  it.each(cases)('are refused with %s', async (_what, token) => {
    const { status, body } = await new Api(token()).call<Problem>('GET', '/v1/me');

    expect({ status, code: body.code, detail: body.detail }).toEqual({
      status: 401,
      code: 'auth.invalid_token',
      detail:
        'The token or API key is unknown, expired or revoked, or its owner was suspended. Sign in again, or make a new key; if that fails too, ask an administrator.',
    });
  });
});

describe('refresh tokens', () => {
  it('end the session when an old one is shown again, and say so in the log once (AN-R1)', async () => {
    const owner = await newOrganization();
    const first = await refresh(owner.refreshToken);
    const second = await refresh(first.body.refreshToken);

    const reused = await refresh(owner.refreshToken);

    expect([first.status, second.status, reused.status]).toEqual([200, 200, 401]);
    expect(reused.body.code).toBe('auth.invalid_token');
    expect((await refresh(second.body.refreshToken)).status).toBe(401);
    expect((await refresh(owner.refreshToken)).status).toBe(401);
    await new Api(second.body.accessToken).refused(401, 'GET', '/v1/me');
    expect(await reuseEvents(sidOf(owner.accessToken))).toHaveLength(1);
  });

  it('have one successor however many ask at once (AN-R2)', async () => {
    const owner = await newOrganization();
    let token = owner.refreshToken;
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(token)));
      const successors = new Set(answers.filter((answer) => answer.status === 200).map((answer) => answer.body.refreshToken));

      expect(answers.every((answer) => answer.status === 200 || answer.status === 401)).toBe(true);
      expect(successors.size).toBe(1);
      [token] = successors;
    }
    const [session] = await owned<{ generation: number; revoked_at: Date | null }>(
      'SELECT generation, revoked_at FROM sessions WHERE id = $1',
      [sidOf(owner.accessToken)],
    );
    expect(session).toEqual({ generation: 5, revoked_at: null });
  });

  it('answer their successor again for ten seconds and not later (AN-R3)', async () => {
    const owner = await newOrganization();
    const first = await refresh(owner.refreshToken);

    const repeated = await refresh(owner.refreshToken);
    await owned(`UPDATE sessions SET rotated_at = rotated_at - interval '11 seconds' WHERE id = $1`, [sidOf(owner.accessToken)]);
    const late = await refresh(owner.refreshToken);

    expect(repeated.body.refreshToken).toBe(first.body.refreshToken);
    expect(late.status).toBe(401);
    expect((await refresh(first.body.refreshToken)).status).toBe(401);
  });

  it('are refused in every mutation, without harm to the session (AN-R6)', async () => {
    const owner = await newOrganization();
    const token = owner.refreshToken ?? '';
    const flip = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    const mutations = [
      ...Array.from({ length: token.length }, (_, at) => flip(at)),
      ...[1, 10, 35, 69].map((length) => token.slice(0, length)),
      token.toUpperCase(),
      token.toLowerCase(),
      `${token}=`,
      `${token} `,
      ` ${token}`,
      `${token}\u0301`,
      token + token,
      '',
    ].filter((mutation) => mutation !== token);

    const answers = await Promise.all(mutations.map((mutation) => refresh(mutation)));

    expect(answers.filter((answer) => answer.status !== 401).length).toBe(0);
    expect((await refresh(token)).status).toBe(200);
  });

  it('are dead after logout, within the grace too (AN-R8)', async () => {
    const owner = await newOrganization();
    const first = await refresh(owner.refreshToken);
    await new Api(first.body.accessToken).post('/v1/auth/logout');

    const answers = [await refresh(first.body.refreshToken), await refresh(owner.refreshToken)];

    expect(answers.map((answer) => answer.status)).toEqual([401, 401]);
    expect(await reuseEvents(sidOf(owner.accessToken))).toHaveLength(0);
  });

  it.each([
    ['30 days after the sign-in', `expires_at = clock_timestamp()`],
    ['7 days after the last refresh', `rotated_at = clock_timestamp() - interval '7 days'`],
  ])('are over %s (AN-R10)', async (_when, change) => {
    const owner = await newOrganization();
    await owned(`UPDATE sessions SET ${change} WHERE id = $1`, [sidOf(owner.accessToken)]);

    expect((await refresh(owner.refreshToken)).status).toBe(401);
    expect(await reuseEvents(sidOf(owner.accessToken))).toHaveLength(0);
  });

  it('stand in the database as hashes only, like keys (AN-R9)', async () => {
    const owner = await newOrganization();
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'k' });
    const dump = JSON.stringify([
      await owned('SELECT * FROM sessions WHERE user_id = $1', [owner.user.id]),
      await owned('SELECT * FROM api_keys WHERE owner_id = $1', [owner.user.id]),
      await owned('SELECT * FROM api_key_lookups WHERE org_id = $1', [owner.organization.id]),
      await owned('SELECT * FROM events WHERE org_id = $1 OR subject_id = $2', [owner.organization.id, owner.user.id]),
      await owned('SELECT * FROM event_texts WHERE org_id = $1', [owner.organization.id]),
    ]);

    for (const value of [owner.refreshToken, owner.accessToken, key, owner.password]) expect(dump).not.toContain(value);
  });

  it('never change person, organization or role (AN-R12)', async () => {
    const owner = await newOrganization();
    const before = decode(owner.accessToken.split('.')[1]);

    const after = decode((await refresh(owner.refreshToken)).body.accessToken.split('.')[1]);

    expect([after['sub'], after['org'], after['sid']]).toEqual([before['sub'], before['org'], before['sid']]);
  });
});

describe('the log of the organization', () => {
  it('tells administrators of sign-ins, failures and sign-outs, without e-mail addresses', async () => {
    const owner = await newOrganization();
    const wrong = { email: owner.email, password: 'wrong password' };
    await anonymous().refused(401, 'POST', '/v1/auth/login', { body: wrong });
    // Who wanted to enter another organization is none of this one's business.
    const { organization } = await newOrganization('Other');
    await anonymous().refused(401, 'POST', '/v1/auth/login', { body: { ...wrong, organizationId: organization.id } });
    const { accessToken } = await anonymous().post<SignedIn>('/v1/auth/login', { email: owner.email, password: owner.password });
    await new Api(accessToken).post('/v1/auth/logout');

    const { data } = await owner.api.get<Page<AuditRow>>('/v1/audit', { subjectId: owner.user.id, limit: 50 });

    const rows = data.filter(({ type }) => /\.sign/.test(type)).reverse();
    expect(rows.map(({ type, actor }) => [type, actor.id])).toEqual([
      ['organizations.signed_in', owner.user.id],
      ['organizations.sign_in_failed', null],
      ['organizations.signed_in', owner.user.id],
      ['organizations.signed_out', owner.user.id],
    ]);
    expect(rows.every(({ ip }) => ip !== null)).toBe(true);
    expect(JSON.stringify(rows)).not.toContain('@');
  });
});
