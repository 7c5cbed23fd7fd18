import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { ChannelId, EditMessage, Message, MessageId, Permission, PostMessage, PrincipalRef } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory, viaColumns } from '@atrium/platform/tenancy';
import { assertMember, assertOpen, type ChannelAccess } from './channel.js';
import { ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { mayMention, mentionsIn } from './mentions.js';
import {
  asMessageNotFound,
  assertAuthor,
  assertNoAnswer,
  assertMayDelete,
  assertNotDeleted,
  assertSame,
  assertWritten,
  authorOf,
  messageNotFound,
  type MessageRow,
  messageView,
} from './message.js';
import { messageDeleted, messageEdited, messagePosted, type ThreadRoot } from './message-events.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';
import { keyOf, nameOf, type Names, readerOf } from './reader.js';

/** The commands on messages; how an agent's answer grows and ends is AnswersService's. */
@Injectable()
export class MessagesService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly members: ChannelMemberRepository,
    private readonly messages: MessageRepository,
    private readonly units: MessageUnits,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * Posts a message, or answers the first one of the same author, channel and `clientId`: the locked channel lets only one of many in.
   * @throws NotFound `chat.channel_not_found`, `chat.thread_not_found`, Forbidden `chat.not_a_member`, Conflict `chat.channel_archived`,
   * `chat.message_deleted` in the thread of a deleted message, `chat.client_id_used` when the first one said something else
   */
  async post(ctx: OrgContext, channelId: ChannelId, input: PostMessage): Promise<Message> {
    const names = await this.namesFor(ctx, channelId, input.body);
    return this.db.inOrg(ctx, (tx) => this.postIn(tx, ctx, channelId, { ...input, status: 'complete' }, names, { isOurs: false }));
  }

  /**
   * `post` for what Atrium itself says: the first message of a `clientId` is answered whatever it says, and a thread goes on whose first
   * message was deleted. `mentioned` are mentioned beside those whom the text names.
   */
  async postOnce(ctx: OrgContext, channelId: ChannelId, input: PostMessage, mentioned: readonly PrincipalRef[] = []): Promise<Message> {
    const names = await this.namesFor(ctx, channelId, input.body);
    return this.db.inOrg(ctx, (tx) => this.postIn(tx, ctx, channelId, { ...input, status: 'complete' }, names, { mentioned }));
  }

  /** `postOnce` within a transaction, with the names that it needs: for answers, which begin `streaming`. */
  async postIn(
    tx: Tx,
    ctx: OrgContext,
    channelId: ChannelId,
    input: PostMessage & { status: 'complete' | 'streaming' },
    names: Names,
    { mentioned = [], isOurs = true }: { mentioned?: readonly PrincipalRef[]; isOurs?: boolean } = {},
  ): Promise<Message> {
    const access = await this.channels.lock(tx, ctx, channelId);
    assertMember(access);
    const author = readerOf(ctx).self as PrincipalRef;
    const first = input.clientId ? await this.messages.findByClientId(tx, ctx, channelId, author, input.clientId) : null;
    if (first && !isOurs) assertSame(first, await this.messages.firstBody(tx, ctx, first), input);
    if (first) return messageView(first, names);
    assertOpen(access.channel);
    const row = newMessage(ctx, channelId, author, input, onceEach([...mentionsIn(input.body, names), ...mentioned]));
    const root = row.threadId ? await this.countReply(tx, ctx, row, isOurs) : null;
    if (input.status === 'complete') await this.units.add(tx, ctx, access.channel, row, nameOf(names, row));
    const { seq } = await this.events.append(tx, ctx, messagePosted(messageView(row, names), root, rightsOfPoster(ctx)));
    const posted = { ...row, seq: BigInt(seq) };
    await this.messages.insert(tx, ctx, posted);
    return messageView(posted, names);
  }

  /**
   * Changes the text; the one before is kept as a revision. The same text again changes nothing. An agent that it mentions now and did not
   * before is asked as by a new message, within an hour of the message.
   * @throws Forbidden `chat.not_the_author`, `chat.not_a_member`, Conflict `chat.message_deleted`, `chat.message_streaming`, `chat.channel_archived`
   */
  async edit(ctx: OrgContext, id: MessageId, { body }: EditMessage): Promise<Message> {
    const { channelId } = await this.peek(ctx, id);
    const names = await this.namesFor(ctx, channelId, body);
    return this.db.inOrg(ctx, async (tx) => {
      const { access, row } = await this.lock(tx, ctx, channelId, id);
      assertAuthor(ctx, row);
      assertMember(access);
      assertNoAnswer(row);
      assertNotDeleted(row);
      assertWritten(row);
      assertOpen(access.channel);
      assertUnchanged(ctx, row);
      if (row.body === body) return messageView(row, names);
      const mentions = mentionsIn(body, names);
      const rights = asksAnother(row, mentions) ? rightsOfPoster(ctx) : null;
      return messageView(await this.replace(tx, ctx, access, row, { body, mentions }, names, rights), names);
    });
  }

  /**
   * Changes the text of a notice that was posted in this author's name under this `clientId`, in whatever state its channel is; who is
   * mentioned stays. Nothing when there is no such message (any more), or when `change` leaves the text as it is. For Atrium itself.
   */
  async amend(
    system: OrgContext,
    { channelId, author, clientId }: { channelId: ChannelId; author: PrincipalRef; clientId: string },
    change: (body: string) => string,
  ): Promise<void> {
    const names = await this.directory.displayNames(system.orgId, [author]);
    await this.db.inOrg(system, async (tx) => {
      const found = await this.messages.findByClientId(tx, system, channelId, author, clientId);
      if (!found) return;
      const { access, row } = await this.lock(tx, system, channelId, found.id as MessageId);
      const body = change(row.body);
      if (row.deletedAt || row.body === body) return;
      await this.replace(tx, system, access, row, { body, mentions: row.mentions as PrincipalRef[] }, names);
    });
  }

  /** Another text of a locked message; the one before becomes a revision. */
  private async replace(
    tx: Tx,
    ctx: OrgContext,
    { channel }: ChannelAccess,
    row: MessageRow,
    changed: { body: string; mentions: PrincipalRef[] },
    names: Names,
    rights: Permission[] | null = null,
  ): Promise<MessageRow> {
    const at = new Date();
    const columns = { ...changed, revision: row.revision + 1, editedAt: at, updatedAt: at };
    await tx.messageRevision.create({
      data: { orgId: ctx.orgId, messageId: row.id, revision: row.revision, body: row.body, createdAt: row.editedAt ?? row.createdAt },
    });
    const edited = { ...row, ...columns };
    await this.messages.update(tx, ctx, row.id, columns);
    await this.units.put(tx, ctx, channel, edited, nameOf(names, edited));
    await this.events.append(tx, ctx, messageEdited(messageView(edited, names), rights));
    return edited;
  }

  /**
   * Takes the text away everywhere: body, citations, revisions, search, events. The row stays in its place, and so do replies.
   * @throws Forbidden `chat.not_an_admin`
   */
  async remove(ctx: OrgContext, id: MessageId): Promise<void> {
    const peeked = await this.peek(ctx, id);
    const names = await this.directory.displayNames(ctx.orgId, [authorOf(peeked)]);
    await this.db.inOrg(ctx, async (tx) => {
      const { access, row } = await this.lock(tx, ctx, peeked.channelId, id);
      assertMayDelete(ctx, access, row);
      if (row.deletedAt) return;
      const at = new Date();
      const status = row.status === 'streaming' ? 'cancelled' : row.status;
      const columns = { body: '', citations: [], mentions: [], status, deletedAt: at, updatedAt: at };
      await this.messages.update(tx, ctx, id, columns);
      await this.messages.removeTraces(tx, ctx, id);
      const root = row.threadId ? await this.messages.recountReplies(tx, ctx, row.threadId as MessageId) : null;
      await this.events.append(tx, ctx, messageDeleted(messageView({ ...row, ...columns }, names), root));
    });
  }

  /** The author's name, and where somebody may be mentioned the names of all members. Looked up before the transaction. */
  private async namesFor(ctx: OrgContext, channelId: string, body: string): Promise<Names> {
    const { self } = readerOf(ctx);
    const members = mayMention(body) ? await this.db.readInOrg(ctx, (tx) => this.members.refs(tx, ctx, channelId)) : [];
    return this.directory.displayNames(ctx.orgId, self ? [...members, self] : members);
  }

  /** The message before the lock, to know its channel and author. @throws NotFound `chat.message_not_found` */
  private peek(ctx: OrgContext, id: MessageId): Promise<MessageRow & { channelId: ChannelId }> {
    return this.db.readInOrg(ctx, async (tx) => {
      const row = await this.messages.find(tx, ctx, id);
      if (!row) throw messageNotFound();
      await this.channels.get(tx, ctx, row.channelId as ChannelId).catch(asMessageNotFound);
      return row as MessageRow & { channelId: ChannelId };
    });
  }

  /** Channel first, then message: the order of every command. @throws NotFound `chat.message_not_found` */
  private async lock(tx: Tx, ctx: OrgContext, channelId: ChannelId, id: MessageId) {
    const access = await this.channels.lock(tx, ctx, channelId).catch(asMessageNotFound);
    const row = await this.messages.lock(tx, ctx, id);
    if (!row) throw messageNotFound();
    return { access, row };
  }

  /** @throws NotFound `chat.thread_not_found` unless `threadId` is a message of the channel that is no reply itself. */
  private async countReply(tx: Tx, ctx: OrgContext, reply: MessageRow, isOurs: boolean): Promise<ThreadRoot> {
    const root = await this.messages.lock(tx, ctx, reply.threadId ?? '');
    if (!root || root.channelId !== reply.channelId || root.threadId !== null) {
      throw new NotFound('chat.thread_not_found', 'The thread’s first message is not in this channel.');
    }
    if (!isOurs) assertNotDeleted(root);
    const replyCount = await this.messages.countReply(tx, ctx, root.id as MessageId, reply.createdAt);
    return { id: root.id, replyCount, lastReplyAt: reply.createdAt.toISOString() };
  }
}

function newMessage(
  ctx: OrgContext,
  channelId: ChannelId,
  author: PrincipalRef,
  { body, threadId, clientId, status }: PostMessage & { status: string },
  mentions: PrincipalRef[],
): MessageRow {
  const at = new Date();
  return {
    orgId: ctx.orgId,
    id: uuidv7(),
    channelId,
    threadId: threadId ?? null,
    authorKind: author.kind,
    authorId: author.id,
    onBehalfOf: ctx.principal.onBehalfOf,
    ...viaColumns(ctx),
    body,
    status,
    citations: [],
    mentions,
    clientId: clientId ?? null,
    revision: 1,
    seq: 0n,
    replyCount: 0,
    lastReplyAt: null,
    createdAt: at,
    updatedAt: at,
    editedAt: null,
    deletedAt: null,
  };
}

const onceEach = (refs: readonly PrincipalRef[]): PrincipalRef[] => [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()];

/** How long an edit may ask an agent: after that people have read on. Milliseconds. */
const ASKS_FOR_MS = 3_600_000;

/** Whether the message, still young, mentions an agent that it did not mention before. */
const asksAnother = ({ createdAt, mentions: before }: MessageRow, mentions: readonly PrincipalRef[]): boolean => {
  const known = new Set((before as PrincipalRef[]).map(keyOf));
  return Date.now() - createdAt.getTime() < ASKS_FOR_MS && mentions.some((ref) => ref.kind === 'agent' && !known.has(keyOf(ref)));
};

/** What an agent that the message mentions may do in the poster's name: what our own work posts starts no more work. */
const rightsOfPoster = ({ credential, permissions }: OrgContext): Permission[] => (credential === null ? [] : [...permissions]);
