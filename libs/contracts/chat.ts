import { z } from 'zod';
import { line, page, PageQuery, text, Time, Via } from './common.js';
import { ChannelId, ChunkId, DocumentId, MemoryId, MessageId, NamespaceId, UserId } from './ids.js';
import { named, plainText } from './name.js';

export const ChannelKind = z.enum(['public', 'private', 'direct', 'group']);
export type ChannelKind = z.infer<typeof ChannelKind>;

/** What may be a member of a channel or author of a message. */
export const PrincipalRef = z.strictObject({ kind: z.enum(['user', 'agent']), id: z.uuid() }).meta({ id: 'PrincipalRef' });
export type PrincipalRef = z.infer<typeof PrincipalRef>;
export const NamedPrincipal = z.strictObject({ ...PrincipalRef.shape, displayName: z.string() }).meta({ id: 'NamedPrincipal' });
export type NamedPrincipal = z.infer<typeof NamedPrincipal>;

/** Who made something: a person, or an agent on behalf of one. `via` is the run that made it in their name; null when they did it themselves. */
export const Author = z.strictObject({ ...PrincipalRef.shape, onBehalfOf: UserId.nullable(), via: Via.nullable() }).meta({ id: 'Author' });
export type Author = z.infer<typeof Author>;
export const NamedAuthor = z.strictObject({ ...Author.shape, displayName: z.string() }).meta({ id: 'NamedAuthor' });
export type NamedAuthor = z.infer<typeof NamedAuthor>;

export const Channel = z
  .strictObject({
    id: ChannelId,
    name: z.string(),
    kind: ChannelKind,
    topic: z.string(),
    description: z.string(),
    archivedAt: Time.nullable(),
    memberCount: z.int(),
    /** The caller's role in it; null when not a member. */
    role: z.enum(['admin', 'member']).nullable(),
    /** Messages of others since the caller's read marker. 0 when not a member. */
    unread: z.int(),
    /** Those of them that mention the caller. */
    mentions: z.int(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Channel' });
export type Channel = z.infer<typeof Channel>;
export const ChannelPage = page(Channel).meta({ id: 'ChannelPage' });

const ChannelName = named(80);
export const CreateChannel = z
  .strictObject({
    name: ChannelName,
    kind: z.enum(['public', 'private']).default('public'),
    topic: plainText(250).default(''),
    description: text(2_000).default(''),
  })
  .meta({ id: 'CreateChannel', examples: [{ name: 'general', kind: 'public', topic: 'What everyone should know' }] });
export type CreateChannel = z.infer<typeof CreateChannel>;
export const PatchChannel = z
  .strictObject({
    name: ChannelName.optional(),
    topic: plainText(250).optional(),
    description: text(2_000).optional(),
    archived: z.boolean().optional(),
  })
  .meta({ id: 'PatchChannel' });
export type PatchChannel = z.infer<typeof PatchChannel>;

export const ChannelMember = z
  .strictObject({ ...NamedPrincipal.shape, role: z.enum(['admin', 'member']), createdAt: Time, updatedAt: Time })
  .meta({ id: 'ChannelMember' });
export type ChannelMember = z.infer<typeof ChannelMember>;
export const ChannelMemberPage = page(ChannelMember).meta({ id: 'ChannelMemberPage' });
export const AddChannelMember = z
  .strictObject({ kind: z.enum(['user', 'agent']).default('user'), id: z.uuid(), role: z.enum(['admin', 'member']).default('member') })
  .meta({ id: 'AddChannelMember' });
export type AddChannelMember = z.infer<typeof AddChannelMember>;

/** `DELETE /v1/channels/:id/members/:memberId?kind=`: what the id is of. */
export const ChannelMemberQuery = z.strictObject({ kind: z.enum(['user', 'agent']).default('user') });
export type ChannelMemberQuery = z.infer<typeof ChannelMemberQuery>;

const cited = {
  /** What the source was called when the answer was written: a document's title, `#channel` of a message, what a memory is about. */
  title: z.string(),
  quote: z.string(),
  /** Whether the quote stands there, letter by letter. */
  verified: z.boolean(),
};
/**
 * Where a quote stands, and the ids by which it is read there. Of a document a place in its version: `start` and `end` count UTF-16 code
 * units of the normalized text.
 */
export const Citation = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('document'),
      documentId: DocumentId,
      version: z.int(),
      chunkId: ChunkId,
      /** Where `start` stands, from 1; null for a document without pages. */
      page: z.int().min(1).nullable(),
      start: z.int(),
      end: z.int(),
      ...cited,
    }),
    z.strictObject({
      kind: z.literal('message'),
      messageId: MessageId,
      channelId: ChannelId,
      /** The first message of its thread; null when it stands in none. */
      threadId: MessageId.nullable(),
      ...cited,
    }),
    z.strictObject({ kind: z.literal('memory'), memoryId: MemoryId, namespaceId: NamespaceId, ...cited }),
  ])
  .meta({ id: 'Citation' });
export type Citation = z.infer<typeof Citation>;

export const Message = z
  .strictObject({
    id: MessageId,
    channelId: ChannelId,
    threadId: MessageId.nullable(),
    author: NamedAuthor,
    body: z.string(),
    status: z.enum(['complete', 'streaming', 'failed', 'cancelled', 'withheld']),
    citations: z.array(Citation),
    attachments: z.array(z.never()),
    reactions: z.array(z.never()),
    mentions: z.array(PrincipalRef),
    pinned: z.boolean(),
    replyCount: z.int(),
    lastReplyAt: Time.nullable(),
    clientId: z.string().nullable(),
    revision: z.int(),
    /** The event log's number of the event that created it: orders a channel and is the cursor of what was read. */
    seq: z.int(),
    createdAt: Time,
    updatedAt: Time,
    editedAt: Time.nullable(),
    deletedAt: Time.nullable(),
  })
  .meta({ id: 'Message' });
export type Message = z.infer<typeof Message>;
export const MessagePage = page(Message).meta({ id: 'MessagePage' });

export const MessageBody = text(16_000).refine((value) => value.trim().length > 0, 'must not be empty');
/** A client's own name for a message. `answer:` is kept for the answers of agents. */
const ClientId = line(64).refine((value) => !value.startsWith('answer:'), 'must not begin with answer:');
/** A second post with the same `clientId` by the same author in the channel answers the first message; with another text it is refused. */
export const PostMessage = z
  .strictObject({ body: MessageBody, threadId: MessageId.nullish(), clientId: ClientId.nullish() })
  .meta({ id: 'PostMessage', examples: [{ body: '@assistant How many days of paid leave do I have?', clientId: 'my-message-1' }] });
export type PostMessage = z.infer<typeof PostMessage>;
export const EditMessage = z.strictObject({ body: MessageBody }).meta({ id: 'EditMessage' });
export type EditMessage = z.infer<typeof EditMessage>;

/** Newest first. `before` and `after` are seqs, exclusive; with `after` the order is oldest first. */
export const MessagesQuery = z.strictObject({
  ...PageQuery.shape,
  before: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});
export type MessagesQuery = z.infer<typeof MessagesQuery>;

export const MessageRevision = z.strictObject({ revision: z.int(), body: z.string(), createdAt: Time }).meta({ id: 'MessageRevision' });
export type MessageRevision = z.infer<typeof MessageRevision>;
export const MessageRevisionPage = page(MessageRevision).meta({ id: 'MessageRevisionPage' });

export const MarkRead = z.strictObject({ seq: z.int().min(0) }).meta({ id: 'MarkRead' });
export type MarkRead = z.infer<typeof MarkRead>;
export const Unread = z
  .strictObject({ channelId: ChannelId, unread: z.int(), mentions: z.int(), lastReadSeq: z.int() })
  .meta({ id: 'Unread' });
export type Unread = z.infer<typeof Unread>;
export const UnreadPage = page(Unread).meta({ id: 'UnreadPage' });
