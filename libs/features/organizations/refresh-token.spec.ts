import { randomInt } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { RefreshTokens } from './refresh-token.js';

const tokens = new RefreshTokens('k'.repeat(48));
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \n.é';

/** One of the ways in which a token is damaged or dressed up on its way. */
function mutated(token: string): string {
  const at = randomInt(token.length);
  const other = ALPHABET[randomInt(ALPHABET.length)] ?? '';
  const ways = [
    () => token.slice(0, at),
    () => token.slice(at),
    () => token.slice(0, at) + other + token.slice(at + 1),
    () => token.slice(0, at) + other + token.slice(at),
    () => token.slice(0, at) + token.slice(at + 1),
    () => token + other,
    () => other + token,
    () => token.toUpperCase(),
    () => token.toLowerCase(),
    () => `${token}==`,
    () => token.replaceAll('-', '+').replaceAll('_', '/'),
    () => token.slice(0, at) + (token[at] ?? '').normalize('NFKD') + '\u0301' + token.slice(at + 1),
    () => [...token].reverse().join(''),
  ];
  return (ways[randomInt(ways.length)] ?? (() => ''))();
}

describe('refresh tokens', () => {
  it('reads what it made', () => {
    const claim = { sessionId: uuidv7(), generation: 41 };

    expect(tokens.read(tokens.make(claim))).toEqual(claim);
  });

  it('gives the same token for the same session and generation, and another for the next', () => {
    const sessionId = uuidv7();

    expect(tokens.make({ sessionId, generation: 1 })).toBe(tokens.make({ sessionId, generation: 1 }));
    expect(tokens.make({ sessionId, generation: 1 })).not.toBe(tokens.make({ sessionId, generation: 2 }));
  });

  it('accepts none of 10,000 mutations', () => {
    const token = tokens.make({ sessionId: uuidv7(), generation: 7 });
    const tried = Array.from({ length: 10_000 }, () => mutated(token)).filter((other) => other !== token);

    expect(tried.length).toBeGreaterThan(9_000);
    expect(tried.filter((other) => tokens.read(other) !== null)).toEqual([]);
  });

  it('does not read a token made with another key', () => {
    const foreign = new RefreshTokens('x'.repeat(48)).make({ sessionId: uuidv7(), generation: 0 });

    expect(tokens.read(foreign)).toBeNull();
  });

  it('knows the CSRF token of a session and no other', () => {
    const sessionId = uuidv7();

    expect(tokens.isCsrf(sessionId, tokens.csrf(sessionId))).toBe(true);
    for (const other of [tokens.csrf(uuidv7()), '', undefined, null, ['x'], `${tokens.csrf(sessionId)} `]) {
      expect(tokens.isCsrf(sessionId, other)).toBe(false);
    }
  });
});
