import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type {
  CreateWebhook,
  PatchWebhook,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryId,
  WebhookId,
  WebhookWithSecret,
} from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, Forbidden, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged, SafeFetch } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { DeliveryRepository } from './delivery.repository.js';
import { ownedBy } from './owners.js';
import { newSecret } from './signature.js';
import { changesBetween, toDelivery, toWebhook, webhookTold } from './webhook.js';
import { WebhookRepository } from './webhook.repository.js';
import { WebhookSecrets } from './webhook-secrets.js';

const MAX_WEBHOOKS = 50;
/** How long the secret before a rotation still signs. Hours. */
const GRACE_HOURS = 24;

/** The commands on webhooks. */
@Injectable()
export class WebhooksService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly webhooks: WebhookRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly secrets: WebhookSecrets,
    private readonly outbound: SafeFetch,
  ) {}

  /** It hears of what happens from now on. The answer holds the secret, this once. @throws Forbidden `outbound.refused`, QuotaExceeded `webhooks.limit_reached` */
  create(ctx: OrgContext, { name, url, events }: CreateWebhook): Promise<WebhookWithSecret> {
    const owner = ownedBy(ctx);
    this.outbound.assertCallable(url);
    return this.db.inOrg(ctx, async (tx) => {
      if ((await this.webhooks.lockedCount(tx, ctx)) >= MAX_WEBHOOKS)
        throw new QuotaExceeded('webhooks.limit_reached', `An organization can have ${MAX_WEBHOOKS} webhooks. Remove one first.`, {
          retryable: false,
        });
      const at = new Date();
      const place = { orgId: ctx.orgId, id: uuidv7() };
      const secret = newSecret();
      const row = {
        ...place,
        ...owner,
        name,
        url,
        events: [...new Set(events)],
        enabled: true,
        disabledReason: null,
        secret: this.secrets.seal(secret, place),
        previousSecret: null,
        previousSecretUntil: null,
        failingSince: null,
        createdAt: at,
        updatedAt: at,
      };
      const { seq } = await this.events.append(tx, ctx, webhookTold('webhooks.created', { ...row, seq: 0n }));
      await this.webhooks.insert(tx, { ...row, seq: BigInt(seq) });
      return { ...toWebhook({ ...row, seq: BigInt(seq) }), secret };
    });
  }

  /**
   * Honours If-Match. Where it sends, what, and whether at all is its owner's to say, so that nobody's rights serve an address that another
   * chose; every administrator may name it and turn it off. What waits for a webhook that is turned off is not sent; turned on, it hears of
   * what happens from then on.
   * @throws NotFound `webhooks.not_found`, Forbidden `webhooks.not_the_owner`, `outbound.refused`, Conflict `request.precondition_failed`
   */
  change(ctx: OrgContext, id: WebhookId, patch: PatchWebhook): Promise<Webhook> {
    const owner = ownedBy(ctx);
    if (patch.url !== undefined) this.outbound.assertCallable(patch.url);
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.webhooks.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      const set = {
        ...before,
        name: patch.name ?? before.name,
        url: patch.url ?? before.url,
        events: patch.events === undefined ? before.events : [...new Set(patch.events)],
        enabled: patch.enabled ?? before.enabled,
      };
      const isTurnedOn = set.enabled && !before.enabled;
      const isTurnedOff = !set.enabled && before.enabled;
      const isOwners = isTurnedOn || set.url !== before.url || String(set.events) !== String(before.events);
      if (isOwners && owner.ownerId !== before.ownerId)
        throw new Forbidden('webhooks.not_the_owner', 'Only who made the webhook may do this. Turn it off and make one of your own.');
      const after = {
        ...set,
        ...(isOwners ? owner : {}),
        ...(isTurnedOn ? { disabledReason: null, failingSince: null } : {}),
        ...(isTurnedOff ? { disabledReason: 'manual' } : {}),
        updatedAt: new Date(),
      };
      const changes = changesBetween(before, after);
      if (!changes) return toWebhook(before);
      if (isTurnedOff) await this.deliveries.endPending(tx, ctx, id, 'disabled');
      const { seq } = await this.events.append(tx, ctx, webhookTold('webhooks.changed', after, { changes }));
      await this.webhooks.update(tx, ctx, id, { ...after, ...(isTurnedOn ? { seq: BigInt(seq) } : {}) });
      return toWebhook(after);
    });
  }

  /** The secret before signs beside the new one for a day, so that the receiver can change over. @throws NotFound `webhooks.not_found` */
  rotateSecret(ctx: OrgContext, id: WebhookId): Promise<WebhookWithSecret> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.webhooks.lock(tx, ctx, id);
      const at = new Date();
      const secret = newSecret();
      const after = {
        ...before,
        secret: this.secrets.seal(secret, before),
        previousSecret: before.secret,
        previousSecretUntil: new Date(at.getTime() + GRACE_HOURS * 3_600_000),
        updatedAt: at,
      };
      await this.webhooks.update(tx, ctx, id, after);
      await this.events.append(tx, ctx, webhookTold('webhooks.secret_rotated', after));
      return { ...toWebhook(after), secret };
    });
  }

  /** With its deliveries. @throws NotFound `webhooks.not_found` */
  async remove(ctx: OrgContext, id: WebhookId): Promise<void> {
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const row = await this.webhooks.lock(tx, ctx, id);
        await this.webhooks.remove(tx, ctx, id);
        await this.events.eraseText(tx, ctx, { kind: 'webhook', id });
        await this.events.append(tx, ctx, webhookTold('webhooks.removed', row));
      },
      { timeoutSeconds: 60 },
    );
  }

  /**
   * Sends it again, with the same `webhook-id`: one more attempt, and after a failure what is left of the usual ones.
   * @throws NotFound `webhooks.not_found`, `webhooks.delivery_not_found`, Conflict `webhooks.is_disabled`
   */
  replay(ctx: OrgContext, id: WebhookId, deliveryId: WebhookDeliveryId): Promise<WebhookDelivery> {
    return this.db.inOrg(ctx, async (tx) => {
      const webhook = await this.webhooks.lock(tx, ctx, id);
      const delivery = await this.deliveries.lock(tx, ctx, id, deliveryId);
      if (!webhook.enabled) throw new Conflict('webhooks.is_disabled', 'The webhook is turned off. Turn it on first.');
      await this.deliveries.renew(tx, ctx, deliveryId);
      await this.events.append(
        tx,
        ctx,
        webhookTold('webhooks.delivery_replayed', webhook, { data: { deliveryId, eventId: delivery.eventId } }),
      );
      return toDelivery(await this.deliveries.lock(tx, ctx, id, deliveryId));
    });
  }

  /** Turns it off on Atrium's own account and tells administrators why. */
  async disable(tx: Tx, system: OrgContext, id: string, reason: 'gone' | 'failing' | 'owner_gone'): Promise<void> {
    const before = await this.webhooks.lock(tx, system, id);
    if (!before.enabled) return;
    const after = { ...before, enabled: false, disabledReason: reason, updatedAt: new Date() };
    await this.webhooks.update(tx, system, id, after);
    await this.deliveries.endPending(tx, system, id, 'disabled');
    await this.events.append(tx, system, webhookTold('webhooks.disabled', after, { changes: { enabled: [true, false] } }));
  }
}
