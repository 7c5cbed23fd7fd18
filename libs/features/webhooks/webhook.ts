import type { EventId, UserId, Webhook, WebhookDelivery, WebhookDeliveryId, WebhookId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { EventDraft, Json } from '@atrium/platform/events';

/** A row of `webhooks`. */
export type WebhookRow = NonNullable<Awaited<ReturnType<Tx['webhook']['findFirst']>>>;
/** A row of `webhook_deliveries`. */
export type DeliveryRow = NonNullable<Awaited<ReturnType<Tx['webhookDelivery']['findFirst']>>>;

export function toWebhook(row: WebhookRow): Webhook {
  return {
    id: row.id as WebhookId,
    name: row.name,
    url: row.url,
    events: row.events,
    enabled: row.enabled,
    disabledReason: row.disabledReason as Webhook['disabledReason'],
    ownerId: row.ownerId as UserId,
    failingSince: row.failingSince?.toISOString() ?? null,
    previousSecretUntil: row.previousSecretUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function toDelivery(row: DeliveryRow): WebhookDelivery {
  return {
    id: row.id as WebhookDeliveryId,
    webhookId: row.webhookId as WebhookId,
    eventId: row.eventId as EventId,
    eventType: row.eventType,
    status: row.status as WebhookDelivery['status'],
    attempt: row.attempt,
    responseStatus: row.responseStatus,
    durationMs: row.durationMs,
    failure: row.failure,
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

type Told =
  | 'webhooks.created'
  | 'webhooks.changed'
  | 'webhooks.secret_rotated'
  | 'webhooks.disabled'
  | 'webhooks.removed'
  | 'webhooks.delivery_replayed';

/** Name and address are text of persons: an address may hold a key. */
export function webhookTold(
  type: Told,
  row: WebhookRow,
  more: Pick<EventDraft, 'changes'> & { data?: EventDraft['data'] } = {},
): EventDraft {
  const { id, events, enabled, disabledReason, ownerId, name, url } = row;
  return {
    type,
    subject: { kind: 'webhook', id },
    audience: 'admins',
    data: { webhookId: id, events, enabled, disabledReason, ownerId, ...more.data },
    ...(type === 'webhooks.removed' ? {} : { text: { name, url } }),
    ...(more.changes ? { changes: more.changes } : {}),
  };
}

const TEXTS: readonly string[] = ['name', 'url'];

/** What differs between two states, for auditors; null when nothing does. */
export function changesBetween(before: WebhookRow, after: WebhookRow): NonNullable<EventDraft['changes']> | null {
  const fields = ['name', 'url', 'events', 'enabled'] as const;
  const changed = fields.filter((field) => String(before[field]) !== String(after[field]));
  const told = changed.map((field): [string, [Json, Json]] =>
    TEXTS.includes(field) ? [field, ['[text]', '[text]']] : [field, [before[field], after[field]]],
  );
  return changed.length === 0 ? null : Object.fromEntries(told);
}
