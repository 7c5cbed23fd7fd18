import { z } from 'zod';
import { Actor, Time } from './common.js';
import { EventId, OrgId } from './ids.js';

/**
 * Every event type: `live` is sent to the clients of its audience; `audited` shows on the audit page.
 * `version` is that of the shape of `data`. A type that stands here is never renamed.
 */
export const EVENTS = {
  'instance.signed_in': { version: 1, audited: true, live: false },
  'instance.sign_in_failed': { version: 1, audited: true, live: false },
  'instance.signed_out': { version: 1, audited: true, live: false },
  'instance.refresh_reused': { version: 1, audited: true, live: false },
  'organizations.created': { version: 1, audited: true, live: false },
  'organizations.renamed': { version: 1, audited: true, live: true },
  'organizations.member_added': { version: 1, audited: true, live: true },
  'organizations.member_changed': { version: 1, audited: true, live: true },
  'organizations.member_removed': { version: 1, audited: true, live: true },
  'organizations.invitation_created': { version: 1, audited: true, live: false },
  'organizations.invitation_withdrawn': { version: 1, audited: true, live: false },
  'organizations.api_key_created': { version: 1, audited: true, live: false },
  'organizations.api_key_revoked': { version: 1, audited: true, live: false },
  'chat.channel_created': { version: 1, audited: true, live: true },
  'chat.channel_changed': { version: 1, audited: true, live: true },
  'chat.channel_deleted': { version: 1, audited: true, live: true },
  'chat.member_added': { version: 1, audited: true, live: true },
  'chat.member_removed': { version: 1, audited: true, live: true },
  'chat.message_posted': { version: 1, audited: true, live: true },
  'chat.message_edited': { version: 1, audited: true, live: true },
  'chat.message_completed': { version: 1, audited: true, live: true },
  'chat.message_deleted': { version: 1, audited: true, live: true },
  'documents.uploaded': { version: 1, audited: true, live: true },
  'documents.version_added': { version: 1, audited: true, live: true },
  'documents.ingestion_progressed': { version: 1, audited: false, live: true },
  'documents.ready': { version: 1, audited: true, live: true },
  'documents.failed': { version: 1, audited: true, live: true },
  'documents.retried': { version: 1, audited: true, live: true },
  'documents.changed': { version: 1, audited: true, live: true },
  'documents.removed': { version: 1, audited: true, live: true },
  'agents.created': { version: 1, audited: true, live: true },
  'agents.turn_started': { version: 1, audited: true, live: false },
  'agents.turn_ended': { version: 1, audited: true, live: false },
  'audit.exported': { version: 1, audited: true, live: false },
} as const satisfies Record<string, { version: number; audited: boolean; live: boolean }>;
export type EventType = keyof typeof EVENTS;

/** What clients receive. `data` of chat.message_posted, _edited and _completed is `{message: Message}`; docs/events.md lists all. */
export const LiveEvent = z
  .strictObject({
    seq: z.int(),
    id: EventId,
    type: z.string(),
    version: z.int(),
    organizationId: OrgId,
    actor: Actor,
    onBehalfOf: z.uuid().nullable(),
    subject: z.strictObject({ kind: z.string(), id: z.uuid() }),
    data: z.record(z.string(), z.json()),
    createdAt: Time,
  })
  .meta({ id: 'Event' });
export type LiveEvent = z.infer<typeof LiveEvent>;
