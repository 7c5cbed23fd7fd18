import type { AgentId, IncomingTarget, IncomingWebhook, IncomingWebhookId, UserId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { EventDraft } from '@atrium/platform/events';

/** A row of `incoming_webhooks`. */
export type IncomingRow = NonNullable<Awaited<ReturnType<Tx['incomingWebhook']['findFirst']>>>;

export function toIncomingWebhook(row: IncomingRow): IncomingWebhook {
  return {
    id: row.id as IncomingWebhookId,
    name: row.name,
    prefix: row.prefix,
    target: targetOf(row),
    ownerId: row.ownerId as UserId,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

function targetOf({ targetKind, targetId, agentId }: IncomingRow): IncomingTarget {
  const kind = targetKind as IncomingTarget['kind'];
  return { kind, id: targetId, ...(agentId === null ? {} : { agentId: agentId as AgentId }) };
}

export function incomingTold(type: 'webhooks.incoming_created' | 'webhooks.incoming_removed', row: IncomingRow): EventDraft {
  return {
    type,
    subject: { kind: 'incoming_webhook', id: row.id },
    audience: 'admins',
    data: { incomingWebhookId: row.id, ownerId: row.ownerId, target: targetOf(row) },
    ...(type === 'webhooks.incoming_created' ? { text: { name: row.name } } : {}),
  };
}
