import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  CreateWebhook,
  PageQuery,
  PatchWebhook,
  Webhook,
  WebhookDeliveriesQuery,
  WebhookDelivery,
  WebhookDeliveryId,
  WebhookDeliveryPage,
  WebhookId,
  WebhookPage,
  WebhookWithSecret,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { WebhooksQueries } from './webhooks.queries.js';
import { WebhooksService } from './webhooks.service.js';

@Controller('v1/webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly queries: WebhooksQueries,
  ) {}

  @Get()
  @Requires('webhooks:manage')
  @Answers('The webhooks of the organization, newest first', WebhookPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('webhooks:manage')
  @Answers('Sends events to an address from now on; the answer has the secret, this once', WebhookWithSecret, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateWebhook }) body: CreateWebhook) {
    return this.webhooks.create(ctx, body);
  }

  @Get(':id')
  @Requires('webhooks:manage')
  @Answers('One webhook', Webhook)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: WebhookId }) id: WebhookId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('webhooks:manage')
  @Answers('Changes a webhook, or turns it off and on', Webhook)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: WebhookId }) id: WebhookId, @Body({ schema: PatchWebhook }) body: PatchWebhook) {
    return this.webhooks.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('webhooks:manage')
  @Answers('Removes a webhook and its deliveries', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: WebhookId }) id: WebhookId) {
    return this.webhooks.remove(ctx, id);
  }

  @Post(':id/rotate-secret')
  @Requires('webhooks:manage')
  @Answers('Gives it another secret; the one before signs too for a day', WebhookWithSecret)
  rotateSecret(@Ctx() ctx: OrgContext, @Param('id', { schema: WebhookId }) id: WebhookId) {
    return this.webhooks.rotateSecret(ctx, id);
  }

  @Get(':id/deliveries')
  @Requires('webhooks:manage')
  @Answers('What it sent in the last 30 days, newest first', WebhookDeliveryPage)
  listDeliveries(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: WebhookId }) id: WebhookId,
    @Query({ schema: WebhookDeliveriesQuery }) query: WebhookDeliveriesQuery,
  ) {
    return this.queries.deliveriesOf(ctx, id, query);
  }

  @Post(':id/deliveries/:deliveryId/replay')
  @Requires('webhooks:manage')
  @Answers('Sends a delivery again', WebhookDelivery, 202)
  replay(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: WebhookId }) id: WebhookId,
    @Param('deliveryId', { schema: WebhookDeliveryId }) deliveryId: WebhookDeliveryId,
  ) {
    return this.webhooks.replay(ctx, id, deliveryId);
  }
}
