import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { QuotaExceeded } from '@atrium/platform/errors';
import { addressGroup, INSTANCE_ORG, type OrgContext } from '@atrium/platform/tenancy';
import { LimitStorage } from './limit-storage.js';

const WINDOW_MS = 60_000;
/** What one organization may send, as a multiple of what one principal may. */
const ORG_FACTOR = 10;
/** What one address may send to public routes (sign-in and the like), as a share of what a principal may. */
const ANONYMOUS_FACTOR = 0.1;

/** What is left of a limit in its window; less than nothing: the request is refused. */
export interface Allowance {
  readonly name: 'principal' | 'organization' | 'key' | 'address';
  readonly limit: number;
  readonly left: number;
  readonly resetSeconds: number;
}
type Limit = Pick<Allowance, 'name' | 'limit'> & { key: string };

/** Requests per minute: per principal, per API key and per organization; per address where nobody is signed in. */
@Injectable()
export class RequestLimits {
  constructor(
    private readonly storage: LimitStorage,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  get areOff(): boolean {
    return this.config.RATE_LIMIT_PER_MINUTE === 0;
  }

  /** Counts a request and answers the tightest of its limits, or the first that is used up. */
  async take(org: OrgContext | null, ip: string): Promise<Allowance> {
    let tightest: Allowance | null = null;
    for (const { name, key, limit } of this.limitsOf(org, ip)) {
      const { totalHits, timeToExpire } = await this.storage.increment(`${org?.orgId ?? INSTANCE_ORG}|${name}|${key}`, WINDOW_MS, limit);
      const one: Allowance = { name, limit, left: limit - totalHits, resetSeconds: timeToExpire };
      if (one.left < 0) return one;
      if (tightest === null || one.left < tightest.left) tightest = one;
    }
    if (tightest === null) throw new Error('every request has a limit');
    return tightest;
  }

  /** Counts what somebody signed in asks for elsewhere than over HTTP. @throws QuotaExceeded `request.rate_limited` */
  async count(ctx: OrgContext): Promise<void> {
    if (!this.areOff) assertLeft(await this.take(ctx, ctx.ip ?? ''));
  }

  private limitsOf(org: OrgContext | null, ip: string): Limit[] {
    const perPrincipal = this.config.RATE_LIMIT_PER_MINUTE;
    if (!org) return [{ name: 'address', key: addressGroup(ip), limit: Math.max(10, Math.round(perPrincipal * ANONYMOUS_FACTOR)) }];
    const limits: Limit[] = [
      {
        name: 'principal',
        key: [org.principal.kind, org.principal.id, org.principal.onBehalfOf].filter(Boolean).join(':'),
        limit: perPrincipal,
      },
      { name: 'organization', key: org.orgId, limit: perPrincipal * ORG_FACTOR },
    ];
    return org.credential?.kind === 'api_key' ? [...limits, { name: 'key', key: org.credential.id, limit: perPrincipal }] : limits;
  }
}

/** @throws QuotaExceeded `request.rate_limited` */
export function assertLeft({ name, left, resetSeconds }: Allowance): void {
  if (left >= 0) return;
  throw new QuotaExceeded('request.rate_limited', `Too many requests of this ${name}. Wait ${resetSeconds} seconds.`, {
    retryAfterSeconds: resetSeconds,
  });
}
