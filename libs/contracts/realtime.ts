import { z } from 'zod';
import { PostMessage } from './chat.js';
import { line } from './common.js';
import { ChannelId } from './ids.js';
import { LiveEvent } from './events.js';
import { Problem } from './problems.js';

const id = line(64);
const Seq = z.int().min(0);

/** What a client may send at /v1/socket. `id` comes back in the answer. */
export const ClientFrame = z.discriminatedUnion('type', [
  z.strictObject({ id, type: z.literal('auth'), token: z.string().max(8_192), resumeFrom: Seq.optional() }),
  z.strictObject({ id, type: z.literal('subscribe'), channelId: ChannelId }),
  z.strictObject({ id, type: z.literal('unsubscribe'), channelId: ChannelId }),
  z.strictObject({ id, type: z.literal('typing'), channelId: ChannelId }),
  z.strictObject({ id, type: z.literal('presence'), status: z.enum(['online', 'away']) }),
  z.strictObject({ id, type: z.literal('message.post'), channelId: ChannelId, ...PostMessage.shape }),
]);
export type ClientFrame = z.infer<typeof ClientFrame>;

/** Lossy news: never replayed. A token delta carries the character offset at which its text stands in the message. */
export const LiveFrame = z.discriminatedUnion('kind', [
  z.strictObject({
    type: z.literal('live'),
    kind: z.literal('typing'),
    channelId: ChannelId,
    principal: z.strictObject({ kind: z.string(), id: z.uuid() }),
  }),
  z.strictObject({
    type: z.literal('live'),
    kind: z.literal('presence'),
    principal: z.strictObject({ kind: z.string(), id: z.uuid() }),
    status: z.enum(['online', 'away', 'offline']),
  }),
  z.strictObject({
    type: z.literal('live'),
    kind: z.literal('delta'),
    channelId: ChannelId,
    messageId: z.uuid(),
    offset: z.int(),
    text: z.string(),
  }),
  /** A piece of what an agent's model says in a step of a run, to the person for whom it runs. */
  z.strictObject({
    type: z.literal('live'),
    kind: z.literal('run_delta'),
    runId: z.uuid(),
    step: z.int(),
    offset: z.int(),
    text: z.string(),
  }),
  z.strictObject({ type: z.literal('live'), kind: z.literal('read'), channelId: ChannelId, seq: Seq }),
]);
export type LiveFrame = z.infer<typeof LiveFrame>;

/** What a server sends. `after` is the seq of the event frame that this client got before: a mismatch is a gap. */
export const ServerFrame = z.union([
  z.strictObject({ type: z.literal('ready'), id: id.optional(), seq: Seq }),
  z.strictObject({ type: z.literal('event'), seq: Seq, after: Seq, event: LiveEvent }),
  LiveFrame,
  z.strictObject({ type: z.literal('ack'), id, result: z.json() }),
  /** `retryAfterSeconds`: what was refused for its rate may be sent again after so long. */
  z.strictObject({ type: z.literal('error'), id: id.nullable(), problem: Problem, retryAfterSeconds: z.int().optional() }),
  z.strictObject({ type: z.literal('reset'), seq: Seq }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** `after` is a seq, exclusive. */
export const EventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(200),
  ticket: z.string().max(128).optional(),
});
export type EventsQuery = z.infer<typeof EventsQuery>;
export const EventsPage = z.strictObject({ data: z.array(LiveEvent), nextAfter: Seq.nullable() }).meta({ id: 'EventsPage' });
export type EventsPage = z.infer<typeof EventsPage>;
export const EventsTicket = z.strictObject({ ticket: z.string(), expiresIn: z.int() }).meta({ id: 'EventsTicket' });
export type EventsTicket = z.infer<typeof EventsTicket>;
