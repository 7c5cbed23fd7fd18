import { Module } from '@nestjs/common';
import { ChatModule } from '@atrium/features/chat';
import { OrganizationsModule } from '@atrium/features/organizations';
import { WorkflowsModule } from '@atrium/features/workflows';
import { DeliveryPruning } from './delivery-pruning.js';
import { DeliverySender } from './delivery-sender.js';
import { DeliveryWriter } from './delivery-writer.js';
import { DeliveryRepository } from './delivery.repository.js';
import { HookSecrets } from './hook-secret.js';
import { HooksController } from './hooks.controller.js';
import { HooksService } from './hooks.service.js';
import { IncomingWebhooksController } from './incoming-webhooks.controller.js';
import { IncomingWebhooksService } from './incoming-webhooks.service.js';
import { Owners } from './owners.js';
import { WebhookRepository } from './webhook.repository.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksQueries } from './webhooks.queries.js';
import { WebhooksService } from './webhooks.service.js';

/** Events sent to other servers, and what other servers send here. */
@Module({
  imports: [OrganizationsModule, ChatModule, WorkflowsModule],
  controllers: [WebhooksController, IncomingWebhooksController, HooksController],
  providers: [
    WebhookRepository,
    DeliveryRepository,
    WebhookSecrets,
    Owners,
    WebhooksService,
    WebhooksQueries,
    DeliveryWriter,
    DeliverySender,
    DeliveryPruning,
    HookSecrets,
    IncomingWebhooksService,
    HooksService,
  ],
})
export class WebhooksModule {}
