import { v7 as uuidv7 } from 'uuid';
import { ACCESS_SECONDS, AccessTokens, AUDIENCE, checkedClaims, ISSUER } from './access-token.js';

const OLD = 'o'.repeat(48);
const NEW = 'n'.repeat(48);
const claims = { sub: uuidv7(), org: uuidv7(), sid: uuidv7() };
const now = 1_800_000_000;
const payload = { ...claims, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + ACCESS_SECONDS };

describe('access tokens', () => {
  it('name the key of the secret that signed them, also after a rotation', async () => {
    const before = await new AccessTokens([OLD]).sign(claims);
    const during = new AccessTokens([NEW, OLD]);

    expect(during.keyFor(before)).not.toBeNull();
    expect(during.keyFor(await during.sign(claims))).not.toBeNull();
    expect(new AccessTokens([NEW]).keyFor(before)).toBeNull();
  });

  it('give who, where and which session', () => {
    expect(checkedClaims(payload, now)).toEqual({ ...claims, exp: payload.exp });
  });

  it.each([
    ['exp is infinite', { exp: Infinity }],
    ['exp is text', { exp: String(payload.exp) }],
    ['exp is null', { exp: null }],
    ['exp is missing', { exp: undefined }],
    ['exp has passed', { exp: now, iat: now - 10 }],
    ['exp lies before iat', { iat: now + 20, exp: now + 10 }],
    ['it would live longer than ours', { exp: now + ACCESS_SECONDS + 1 }],
    ['iat is missing', { iat: undefined }],
    ['iat lies ahead', { iat: now + 31, exp: now + 100 }],
    ['the issuer is another', { iss: 'other' }],
    ['the audience is another', { aud: 'other' }],
    ['the audience is a list', { aud: [AUDIENCE] }],
    ['the subject is no id', { sub: 'root' }],
    ['the organization is missing', { org: undefined }],
    ['the session is a number', { sid: 7 }],
  ])('are refused when %s', (_what, change) => {
    expect(checkedClaims({ ...payload, ...change }, now)).toBeNull();
  });

  it.each([[null], [[]], ['text'], [7]])('are refused with the payload %j', (other) => {
    expect(checkedClaims(other, now)).toBeNull();
  });
});
