import { Body, Controller, Param, Post, Req } from '@nestjs/common';
import { z } from 'zod';
import { HookBody, HookReceipt, IdempotencyKey } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { type AtriumRequest, Public } from '@atrium/platform/tenancy';
import { HooksService } from './hooks.service.js';

@Controller('v1/hooks')
export class HooksController {
  constructor(private readonly hooks: HooksService) {}

  @Post(':secret')
  @Public()
  @Answers('Posts a message or starts a workflow, once per Idempotency-Key or webhook-id', HookReceipt, 202)
  receive(
    @Req() { caller, headers }: AtriumRequest,
    @Param('secret', { schema: z.string() }) secret: string,
    @Body({ schema: HookBody }) body: HookBody,
  ) {
    const given = IdempotencyKey.safeParse(headers['webhook-id']);
    return this.hooks.receive(caller, secret, body, caller.idempotency?.key ?? given.data ?? null);
  }
}
