import { LRUCache } from 'lru-cache';
import { QuotaExceeded } from '@atrium/platform/errors';

const WINDOW_MS = 15 * 60_000;
/** Failures of one account from one address within the window. */
const MAX_PER_ADDRESS = 10;
/** Failures of one account from anywhere: a botnet is slowed too. */
const MAX_PER_ACCOUNT = 50;
const MAX_ENTRIES = 50_000;

interface Tally {
  count: number;
  readonly endsAt: number;
}

/** Counts failed sign-ins in this process. Each try counts from its start, so that parallel guesses do not slip through. */
export class SignInAttempts {
  private readonly tallies = new LRUCache<string, Tally>({ max: MAX_ENTRIES });

  constructor(private readonly now: () => number = Date.now) {}

  /** @throws QuotaExceeded `request.rate_limited` */
  begin(email: string, ip: string | null): void {
    const pair = this.tally(pairKey(email, ip));
    const account = this.tally(accountKey(email));
    if (pair.count >= MAX_PER_ADDRESS || account.count >= MAX_PER_ACCOUNT) {
      const endsAt = Math.max(pair.count >= MAX_PER_ADDRESS ? pair.endsAt : 0, account.count >= MAX_PER_ACCOUNT ? account.endsAt : 0);
      throw new QuotaExceeded('request.rate_limited', 'Too many failed sign-ins. Wait before the next one.', {
        retryAfterSeconds: Math.max(1, Math.ceil((endsAt - this.now()) / 1_000)),
      });
    }
    pair.count += 1;
    account.count += 1;
  }

  /** The try that began was neither right nor wrong. */
  takeBack(email: string, ip: string | null): void {
    for (const key of [pairKey(email, ip), accountKey(email)]) {
      const tally = this.tally(key);
      tally.count = Math.max(0, tally.count - 1);
    }
  }

  /** The password was right: what this address failed before is forgotten. */
  succeed(email: string, ip: string | null): void {
    const pair = this.tally(pairKey(email, ip));
    const account = this.tally(accountKey(email));
    account.count = Math.max(0, account.count - pair.count);
    this.tallies.delete(pairKey(email, ip));
  }

  private tally(key: string): Tally {
    const known = this.tallies.get(key);
    if (known && known.endsAt > this.now()) return known;
    const fresh = { count: 0, endsAt: this.now() + WINDOW_MS };
    this.tallies.set(key, fresh);
    return fresh;
  }
}

const pairKey = (email: string, ip: string | null) => `${email}\n${ip ?? ''}`;
const accountKey = (email: string) => email;
