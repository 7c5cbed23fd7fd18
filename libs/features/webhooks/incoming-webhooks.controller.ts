import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { CreatedIncomingWebhook, CreateIncomingWebhook, IncomingWebhookId, IncomingWebhookPage, PageQuery } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { IncomingWebhooksService } from './incoming-webhooks.service.js';

@Controller('v1/incoming-webhooks')
export class IncomingWebhooksController {
  constructor(private readonly webhooks: IncomingWebhooksService) {}

  @Get()
  @Requires('webhooks:manage')
  @Answers('The incoming webhooks of the organization, newest first', IncomingWebhookPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.webhooks.list(ctx, query);
  }

  @Post()
  @Requires('webhooks:manage')
  @Answers('Makes an address that posts messages or starts a workflow; the answer has it, this once', CreatedIncomingWebhook, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateIncomingWebhook }) body: CreateIncomingWebhook) {
    return this.webhooks.create(ctx, body);
  }

  @Delete(':id')
  @Requires('webhooks:manage')
  @Answers('Removes an incoming webhook', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: IncomingWebhookId }) id: IncomingWebhookId) {
    return this.webhooks.remove(ctx, id);
  }
}
