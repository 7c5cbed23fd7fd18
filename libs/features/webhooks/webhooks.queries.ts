import { Injectable } from '@nestjs/common';
import type { Page, PageQuery, Webhook, WebhookDeliveriesQuery, WebhookDelivery, WebhookId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { DeliveryRepository } from './delivery.repository.js';
import { toDelivery, toWebhook } from './webhook.js';
import { WebhookRepository } from './webhook.repository.js';

/** Reads webhooks and what they sent. */
@Injectable()
export class WebhooksQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly webhooks: WebhookRepository,
    private readonly deliveries: DeliveryRepository,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<Webhook>> {
    const before = decodeCursor(cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.webhooks.list(tx, ctx, before, limit + 1), limit, (last) => [last.id]);
      return listed({ data: data.map(toWebhook), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `webhooks.not_found` */
  get(ctx: OrgContext, id: WebhookId): Promise<Webhook> {
    return this.db.readInOrg(ctx, async (tx) => toWebhook(await this.webhooks.get(tx, ctx, id)));
  }

  /** Newest first. @throws NotFound `webhooks.not_found` */
  deliveriesOf(ctx: OrgContext, id: WebhookId, query: WebhookDeliveriesQuery): Promise<Page<WebhookDelivery>> {
    const before = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      await this.webhooks.get(tx, ctx, id);
      const rows = await this.deliveries.list(tx, ctx, id, query, before, query.limit + 1);
      const { data, nextCursor } = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ data: data.map(toDelivery), nextCursor }, await this.events.head(tx, ctx));
    });
  }
}
