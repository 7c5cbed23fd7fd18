import { z } from 'zod';
import { page, PageQuery, Time } from './common.js';
import { type EventType, LIVE_TYPES } from './events.js';
import { AgentId, EventId, IncomingWebhookId, MessageId, UserId, WebhookDeliveryId, WebhookId, WorkflowRunId } from './ids.js';
import { named } from './name.js';

const AREAS = [...new Set(LIVE_TYPES.map((type) => `${type.split('.')[0]}.*`))];
/** A type of event, or `<area>.*` for all of an area. */
export const WebhookEvent = z.enum([...AREAS, ...LIVE_TYPES] as [string, ...string[]]).meta({ id: 'WebhookEvent' });
/** What a webhook may name in order to hear of an event of this type. */
export const webhookEventsOf = (type: EventType): string[] => [type, `${type.split('.')[0]}.*`];

const WebhookUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2_000)
  .refine(
    (url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''),
    'must not hold a user or password',
  );

/** Where events are sent. */
export const Webhook = z
  .strictObject({
    id: WebhookId,
    name: z.string(),
    url: z.string(),
    events: z.array(z.string()),
    enabled: z.boolean(),
    /** `manual`: somebody turned it off; `gone`: the receiver answered 410; `failing`: nothing but failures for five days; `owner_gone`: its owner may no longer manage webhooks. */
    disabledReason: z.enum(['manual', 'gone', 'failing', 'owner_gone']).nullable(),
    /** Who made it: it sends what this person may read. */
    ownerId: UserId,
    /** Of the first failure since the last success. */
    failingSince: Time.nullable(),
    /** Until then the secret before the present one signs too. */
    previousSecretUntil: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Webhook' });
export type Webhook = z.infer<typeof Webhook>;
export const WebhookPage = page(Webhook).meta({ id: 'WebhookPage' });

/** `secret` (`whsec_…`) signs what is sent; it is shown this once. */
export const WebhookWithSecret = z.strictObject({ ...Webhook.shape, secret: z.string() }).meta({ id: 'WebhookWithSecret' });
export type WebhookWithSecret = z.infer<typeof WebhookWithSecret>;

export const CreateWebhook = z
  .strictObject({ name: named(120), url: WebhookUrl, events: z.array(WebhookEvent).min(1).max(100) })
  .meta({ id: 'CreateWebhook' });
export type CreateWebhook = z.infer<typeof CreateWebhook>;
export const PatchWebhook = z
  .strictObject({
    name: named(120).optional(),
    url: WebhookUrl.optional(),
    events: z.array(WebhookEvent).min(1).max(100).optional(),
    enabled: z.boolean().optional(),
  })
  .meta({ id: 'PatchWebhook' });
export type PatchWebhook = z.infer<typeof PatchWebhook>;

const DeliveryStatus = z.enum(['pending', 'succeeded', 'failed']);
/** One event on its way to one webhook, and how its last attempt went. Kept for 30 days. */
export const WebhookDelivery = z
  .strictObject({
    id: WebhookDeliveryId,
    webhookId: WebhookId,
    /** Sent as `webhook-id`, the same in every attempt. */
    eventId: EventId,
    eventType: z.string(),
    status: DeliveryStatus,
    /** How many were begun. */
    attempt: z.int(),
    responseStatus: z.int().nullable(),
    durationMs: z.int().nullable(),
    /** `status`, `redirect`, `timeout`, `address` (not a public one), `not_readable` (not for the owner, or not any more), `backlog`, `disabled`, or the network's code. */
    failure: z.string().nullable(),
    nextAttemptAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;
export const WebhookDeliveryPage = page(WebhookDelivery).meta({ id: 'WebhookDeliveryPage' });
export const WebhookDeliveriesQuery = z.strictObject({ ...PageQuery.shape, status: DeliveryStatus.optional() });
export type WebhookDeliveriesQuery = z.infer<typeof WebhookDeliveriesQuery>;

/** A channel, in which the agent, a member of it, posts a message; or a workflow, of which a run is started with the body as its input. */
export const IncomingTarget = z
  .strictObject({ kind: z.enum(['channel', 'workflow']), id: z.uuid(), agentId: AgentId.optional() })
  .refine(({ kind, agentId }) => (kind === 'channel') === (agentId !== undefined), {
    path: ['agentId'],
    message: 'is needed for a channel, and for nothing else',
  })
  .meta({ id: 'IncomingWebhookTarget' });
export type IncomingTarget = z.infer<typeof IncomingTarget>;

/** An address at which others post messages or start a workflow, with the rights of who made it. */
export const IncomingWebhook = z
  .strictObject({
    id: IncomingWebhookId,
    name: z.string(),
    /** The first characters of the secret, to recognise it by. */
    prefix: z.string(),
    target: IncomingTarget,
    ownerId: UserId,
    lastUsedAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'IncomingWebhook' });
export type IncomingWebhook = z.infer<typeof IncomingWebhook>;
export const IncomingWebhookPage = page(IncomingWebhook).meta({ id: 'IncomingWebhookPage' });
export const CreateIncomingWebhook = z.strictObject({ name: named(120), target: IncomingTarget }).meta({ id: 'CreateIncomingWebhook' });
export type CreateIncomingWebhook = z.infer<typeof CreateIncomingWebhook>;
/** `path` is `/v1/hooks/<secret>`, to be put behind the server's own address; it is shown this once. */
export const CreatedIncomingWebhook = z.strictObject({ ...IncomingWebhook.shape, path: z.string() }).meta({ id: 'CreatedIncomingWebhook' });
export type CreatedIncomingWebhook = z.infer<typeof CreatedIncomingWebhook>;

/** Any JSON object of at most 256 KiB; for a channel `text` is the message and the rest is left alone. */
export const HookBody = z.record(z.string(), z.json()).meta({ id: 'HookBody' });
export type HookBody = z.infer<typeof HookBody>;
/** What came of it: one of both. */
export const HookReceipt = z.strictObject({ messageId: MessageId.nullable(), runId: WorkflowRunId.nullable() }).meta({ id: 'HookReceipt' });
export type HookReceipt = z.infer<typeof HookReceipt>;
