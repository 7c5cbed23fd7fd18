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
import type { AtriumRequest } from '@atrium/platform/tenancy';
import { assertLeft, RequestLimits } from './request-limits.js';

/** Routes that are counted: the API and the doors for MCP and for clients of the OpenAI API. */
const LIMITED = /^\/(v1\/|openai\/|mcp$)/;

/** Counts requests over HTTP, and tells in headers what is left. */
@Injectable()
export class LimitGuard extends ThrottlerGuard {
  constructor(
    @Inject(getOptionsToken()) options: ThrottlerModuleOptions,
    @Inject(getStorageToken()) storage: ThrottlerStorage,
    reflector: Reflector,
    private readonly limits: RequestLimits,
  ) {
    super(options, storage, reflector);
  }

  protected override shouldSkip(context: ExecutionContext): Promise<boolean> {
    const { routeOptions } = context.switchToHttp().getRequest<AtriumRequest>();
    return Promise.resolve(this.limits.areOff || !LIMITED.test(routeOptions.url ?? ''));
  }

  protected override async handleRequest({ context }: ThrottlerRequest): Promise<boolean> {
    const { org, ip } = context.switchToHttp().getRequest<AtriumRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const allowance = await this.limits.take(org ?? null, ip);
    const { name, limit, left, resetSeconds } = allowance;
    if (left < 0) void reply.header('ratelimit', `"${name}";r=0;t=${resetSeconds}`);
    assertLeft(allowance);
    void reply.header('ratelimit', `"default";r=${left};t=${resetSeconds}`).header('ratelimit-policy', `"default";q=${limit};w=60`);
    return true;
  }
}
