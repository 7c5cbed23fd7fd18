import { Injectable } from '@nestjs/common';
import { LIVE_TYPES, webhookEventsOf } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events, type LoggedEvent } from '@atrium/platform/events';
import { RealtimeHub } from '@atrium/platform/realtime';
import type { OrgContext } from '@atrium/platform/tenancy';
import { DeliveryRepository } from './delivery.repository.js';
import type { WebhookRow } from './webhook.js';
import { WebhookRepository } from './webhook.repository.js';

/** Events of one step. */
const BATCH = 100;
/** Of one webhook; what comes beyond is written down as failed and can be replayed. */
const MAX_PENDING = 10_000;

/** Reads the log on behalf of a webhook, whose `seq` is its cursor, and writes a delivery for each event that its owner receives. */
@Injectable()
export class DeliveryWriter {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly webhooks: WebhookRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly hub: RealtimeHub,
  ) {}

  /** One step from where `webhook` stands; says whether there may be more. `ctx` is its owner's. A step that is done twice writes nothing new. */
  async step(ctx: OrgContext, webhook: WebhookRow): Promise<boolean> {
    const wanted = LIVE_TYPES.filter((type) => webhookEventsOf(type).some((name) => webhook.events.includes(name)));
    const { found, head } = await this.db.readInOrg(ctx, async (tx) => ({
      found: await this.events.after(tx, ctx, Number(webhook.seq), BATCH, wanted),
      head: await this.events.head(tx, ctx),
    }));
    const view = await this.hub.view(ctx);
    const due = found.filter((event) => view(event) !== null);
    const reached = found.length < BATCH ? head : (found.at(-1)?.seq ?? head);
    if (reached > Number(webhook.seq)) await this.write(ctx, webhook, due, reached);
    return found.length === BATCH;
  }

  private write(ctx: OrgContext, { id, seq }: WebhookRow, due: LoggedEvent[], reached: number): Promise<void> {
    return this.db.inOrg(ctx, async (tx) => {
      const now = await this.webhooks.lock(tx, ctx, id);
      // Turned off, or on again, meanwhile; or another process has come further.
      if (!now.enabled || now.seq !== seq) return;
      const room = due.length === 0 ? 0 : MAX_PENDING - (await this.deliveries.countPending(tx, ctx, id, MAX_PENDING));
      await this.deliveries.insert(tx, ctx, id, due, room);
      await this.webhooks.update(tx, ctx, id, { seq: BigInt(reached) });
    });
  }
}
