import type { Citation, Message, MessageId, PostMessage, PrincipalRef, UserId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import { type OrgContext, viaOf } from '@atrium/platform/tenancy';
import { type ChannelAccess, mayManage } from './channel.js';
import { isSame, keyOf, type Names, readerOf } from './reader.js';

export type MessageRow = NonNullable<Awaited<ReturnType<Tx['message']['findFirst']>>>;

/** What an answer was made of. A reader needs one of `grants`, for every source. */
export interface AnswerSource {
  kind: string;
  subjectId: string;
  grants: string[];
}

export const authorOf = (row: MessageRow): PrincipalRef => ({ kind: row.authorKind as PrincipalRef['kind'], id: row.authorId });

/** The one answer for a message that is not there and for one that the caller may not read. */
export function messageNotFound(): NotFound {
  return new NotFound('chat.message_not_found', 'There is no such message, or you may not read it.');
}

/** A channel that may not be read hides its messages as well. */
export function asMessageNotFound(error: unknown): never {
  throw error instanceof NotFound ? messageNotFound() : error;
}

/** An answer that an agent gave to a question: only its own turn writes it, whoever else may act as that agent. */
export const isAnswer = (row: MessageRow): boolean => row.clientId?.startsWith(ANSWER_MARK) ?? false;
/** What the `clientId` of an answer begins with; clients cannot send such a one. */
export const ANSWER_MARK = 'answer:';

/** @throws Forbidden `chat.not_the_author` */
export function assertAuthor(ctx: OrgContext, row: MessageRow): void {
  if (!isSame(authorOf(row), readerOf(ctx).self)) throw new Forbidden('chat.not_the_author', 'Only its author may edit a message.');
}

/** @throws Forbidden `chat.not_the_author` */
export function assertNoAnswer(row: MessageRow): void {
  if (isAnswer(row)) throw new Forbidden('chat.not_the_author', 'An answer is written by its own turn only.');
}

/** Authors delete what they said, and who manages the channel deletes what anyone said. @throws Forbidden `chat.not_an_admin` */
export function assertMayDelete(ctx: OrgContext, access: ChannelAccess, row: MessageRow): void {
  if ((isSame(authorOf(row), readerOf(ctx).self) && !isAnswer(row)) || mayManage(ctx, access)) return;
  throw new Forbidden('chat.not_an_admin', 'Only its author and admins of the channel or organization may delete a message.');
}

/** @throws Conflict `chat.message_deleted` */
export function assertNotDeleted(row: MessageRow): void {
  if (row.deletedAt) throw new Conflict('chat.message_deleted', 'The message was deleted.');
}

/** A deleted message has no text that could differ. @throws Conflict `chat.client_id_used` */
export function assertSame(first: MessageRow, firstBody: string, { body, threadId = null }: PostMessage): void {
  if (first.threadId === threadId && (first.deletedAt || firstBody === body)) return;
  throw new Conflict('chat.client_id_used', 'You posted another message under this clientId. Give each message one of its own.', {
    params: { messageId: first.id },
  });
}

/** @throws Conflict `chat.message_streaming` */
export function assertWritten(row: MessageRow): void {
  if (row.status === 'streaming') throw new Conflict('chat.message_streaming', 'The message is still being written.');
}

export function messageView(row: MessageRow, names: Names): Message {
  const author = authorOf(row);
  return {
    id: row.id as MessageId,
    channelId: row.channelId as Message['channelId'],
    threadId: row.threadId as MessageId | null,
    author: { ...author, onBehalfOf: row.onBehalfOf as UserId | null, via: viaOf(row), displayName: names.get(keyOf(author)) ?? '' },
    body: row.body,
    status: row.status as Message['status'],
    citations: row.citations as Citation[],
    attachments: [],
    reactions: [],
    mentions: row.mentions as PrincipalRef[],
    pinned: false,
    replyCount: row.replyCount,
    lastReplyAt: row.lastReplyAt?.toISOString() ?? null,
    clientId: row.deletedAt ? null : row.clientId,
    revision: row.revision,
    seq: Number(row.seq),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    editedAt: row.editedAt?.toISOString() ?? null,
    deletedAt: row.deletedAt?.toISOString() ?? null,
  };
}

/** What is left of an answer of which a source is gone. */
export const WITHHELD: Pick<Message, 'body' | 'citations' | 'status'> = { body: '', citations: [], status: 'withheld' };

/** What a reader gets who may not read one of the sources. */
export function withheld(message: Message): Message {
  return { ...message, ...WITHHELD };
}

/** Whether these grants hold one of every source. */
export function holdsAll(grants: ReadonlySet<string>, requires: readonly (readonly string[])[]): boolean {
  return requires.every((source) => source.some((grant) => grants.has(grant)));
}
