import { createHash, timingSafeEqual } from 'node:crypto';
import { readText, WireError } from './wire-frames.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Who may connect. Passwords are compared in constant time, and an unknown login answers like a wrong password. */
export class LoginCheck {
  private readonly digests: ReadonlyMap<string, Buffer>;

  constructor(logins: Record<string, string>) {
    this.digests = new Map(Object.entries(logins).map(([name, password]) => [name, digest(password)]));
  }

  /** @throws WireError 28P01 unless this login has this password. */
  assert(user: string, password: string): void {
    const expected = this.digests.get(user);
    const matches = timingSafeEqual(digest(password), expected ?? digest(''));
    if (!expected || !matches || password === '') throw new WireError('28P01', `password authentication failed for user "${user}"`);
  }
}

/** The `user` of a start-up message's body. */
export function startupUser(body: Buffer): string {
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const [key, afterKey] = readText(body, at);
    const [value, afterValue] = readText(body, afterKey);
    if (key === 'user') return value;
    at = afterValue;
  }
  throw new WireError('28000', 'no user name in startup packet');
}
