import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  getOptionsToken,
  getStorageToken,
  ThrottlerGuard,
  type ThrottlerModuleOptions,
  type ThrottlerRequest,
  type ThrottlerStorage,
} from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import { CONFIG, type Config } from '@atrium/platform/config';
import { QuotaExceeded } from '@atrium/platform/errors';
import { addressGroup, type AtriumRequest, INSTANCE_ORG } from '@atrium/platform/tenancy';

const WINDOW_MS = 60_000;
/** What one organization may send, as a multiple of what one principal may. */
const ORG_FACTOR = 10;
/** What one address may send to public routes (sign-in and the like), as a share of what a principal may. */
const ANONYMOUS_FACTOR = 0.1;

/** Routes that are counted: the API and the doors for MCP and for clients of the OpenAI API. */
const LIMITED = /^\/(v1\/|openai\/|mcp$)/;

type Limit = { name: 'principal' | 'organization' | 'key' | 'address'; key: string; limit: number };

/** Requests per minute: per principal, per API key and per organization; per address where nobody is signed in. */
@Injectable()
export class LimitGuard extends ThrottlerGuard {
  constructor(
    @Inject(getOptionsToken()) options: ThrottlerModuleOptions,
    @Inject(getStorageToken()) storage: ThrottlerStorage,
    reflector: Reflector,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super(options, storage, reflector);
  }

  protected override shouldSkip(context: ExecutionContext): Promise<boolean> {
    const { routeOptions } = context.switchToHttp().getRequest<AtriumRequest>();
    return Promise.resolve(this.config.RATE_LIMIT_PER_MINUTE === 0 || !LIMITED.test(routeOptions.url ?? ''));
  }

  protected override async handleRequest({ context }: ThrottlerRequest): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AtriumRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    let tightest = { remaining: Infinity, limit: 0, resetSeconds: 0 };
    for (const { name, key, limit } of this.limitsOf(request)) {
      const record = await this.storageService.increment(`${request.org?.orgId ?? INSTANCE_ORG}|${name}|${key}`, WINDOW_MS, limit, 0, name);
      if (record.isBlocked || record.totalHits > limit) {
        void reply.header('ratelimit', `"${name}";r=0;t=${record.timeToExpire}`);
        throw new QuotaExceeded('request.rate_limited', `Too many requests of this ${name}. Wait ${record.timeToExpire} seconds.`, {
          retryAfterSeconds: record.timeToExpire,
        });
      }
      const remaining = limit - record.totalHits;
      if (remaining < tightest.remaining) tightest = { remaining, limit, resetSeconds: record.timeToExpire };
    }
    void reply
      .header('ratelimit', `"default";r=${tightest.remaining};t=${tightest.resetSeconds}`)
      .header('ratelimit-policy', `"default";q=${tightest.limit};w=60`);
    return true;
  }

  private limitsOf({ org, ip }: AtriumRequest): Limit[] {
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
