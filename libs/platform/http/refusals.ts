import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CONFIG, type Config } from '@atrium/platform/config';
import { QuotaExceeded, type Unauthenticated } from '@atrium/platform/errors';
import { addressGroup, type Caller, INSTANCE_ORG } from '@atrium/platform/tenancy';
import { LimitStorage } from './limit-storage.js';

const WINDOW_MS = 60_000;
const MAX_KNOWN = 10_000;

/** What was refused. Without a `credential` (a password) every time counts for the address. */
export interface Refused {
  credential?: string;
  /** It cannot be made up: our signature holds, and it has only ended. */
  ours?: boolean;
}

/**
 * Refused credentials per client address and minute. Only what failed is counted, after it failed: a good credential is never refused
 * because of a neighbour's bad ones, since checking a signature or a keyed hash is cheap. Two checks are not: a password costs an argon2
 * hash, and SignInAttempts counts those before they are made, by account and address; an API key that was never seen costs a look-up, so
 * it is asked of `assertOpen` first.
 *
 * A credential that is refused again and again (a script with a revoked key) counts once a minute for its address, and otherwise by itself;
 * one that has only ended (a tab's access token) counts by itself alone: each must hear 401 to be renewed.
 */
@Injectable()
export class Refusals {
  /** Addresses that have had their refusals, as far as this process saw, and until when. */
  private readonly closed = new LRUCache<string, number>({ max: MAX_KNOWN });
  private readonly known = new LRUCache<string, true>({ max: MAX_KNOWN, ttl: WINDOW_MS });

  constructor(
    private readonly storage: LimitStorage,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Throws `error`, or that there were too many. @throws QuotaExceeded `request.rate_limited` */
  async refuse(error: Unauthenticated, caller: Pick<Caller, 'ip'>, { credential, ours = false }: Refused = {}): Promise<never> {
    const limit = this.config.REFUSED_CREDENTIALS_PER_MINUTE;
    if (limit === 0 || caller.ip === null) throw error;
    if (!ours) this.assertOpen(caller);
    const group = addressGroup(caller.ip);
    const itself = credential === undefined ? null : createHash('sha256').update(`${group}\n${credential}`).digest('hex');
    const alone = itself !== null && (ours || this.known.has(itself));
    if (itself !== null) this.known.set(itself, true);
    const key = `${INSTANCE_ORG}|refused|${alone ? itself : group}`;
    const { isBlocked, timeToExpire } = await this.storage.increment(key, WINDOW_MS, limit);
    if (!isBlocked) throw error;
    if (!alone) this.closed.set(group, Date.now() + timeToExpire * 1_000);
    throw tooMany(timeToExpire);
  }

  /** Nothing, while the address has refusals left. @throws QuotaExceeded `request.rate_limited` */
  assertOpen({ ip }: Pick<Caller, 'ip'>): void {
    const until = ip === null ? undefined : this.closed.get(addressGroup(ip));
    const seconds = Math.ceil(((until ?? 0) - Date.now()) / 1_000);
    if (seconds > 0) throw tooMany(seconds);
  }
}

const tooMany = (seconds: number) =>
  new QuotaExceeded('request.rate_limited', `Too many credentials from this address were refused. Wait ${seconds} seconds.`, {
    retryAfterSeconds: seconds,
  });
