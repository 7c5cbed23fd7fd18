import { Injectable } from '@nestjs/common';
import type { ChannelId, Message, MessageId, MessageRevision, MessagesQuery, Page, PageQuery } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { AnswerSourceRepository } from './answer-source.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { type AnswerSource, asMessageNotFound, authorOf, messageNotFound, type MessageRow, messageView } from './message.js';
import { type MessageRange, MessageRepository } from './message.repository.js';
import { Withholding } from './withholding.js';

/** Rows as one snapshot saw them, and who may read now what their answers are made of. */
interface Seen {
  rows: MessageRow[];
  requires: Map<string, string[][]>;
  head: number;
}

/** A message of a thread, and what it was made of when it is an answer: with the grants of now, none of a source that is gone. */
export interface ThreadTurn {
  message: Message;
  sources: AnswerSource[];
}

/** The reads on messages: only what the caller may read, and answers only to who may read their sources. */
@Injectable()
export class MessagesQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly messages: MessageRepository,
    private readonly sources: AnswerSourceRepository,
    private readonly withholding: Withholding,
    private readonly directory: PrincipalDirectory,
  ) {}

  /** Everything said in a channel, replies too: newest first, with `after` oldest first. @throws NotFound `chat.channel_not_found` */
  async list(ctx: OrgContext, channelId: ChannelId, query: MessagesQuery): Promise<Page<Message>> {
    const range = rangeOf(query);
    const seen = await this.db.readInOrg(ctx, async (tx) => {
      await this.channels.get(tx, ctx, channelId);
      return this.see(tx, ctx, await this.messages.list(tx, ctx, { channelId }, range));
    });
    return this.page(ctx, seen, query.limit);
  }

  /**
   * The replies of the thread that the message begins or stands in; ordered as `list`.
   * @throws NotFound `chat.message_not_found`, also for a message of another channel than the one that is given.
   */
  async thread(ctx: OrgContext, id: MessageId, query: MessagesQuery, channelId?: ChannelId): Promise<Page<Message>> {
    const range = rangeOf(query);
    const seen = await this.db.readInOrg(ctx, async (tx) => {
      const row = await this.readable(tx, ctx, id);
      if (channelId !== undefined && row.channelId !== channelId) throw messageNotFound();
      return this.see(tx, ctx, await this.messages.list(tx, ctx, { threadId: row.threadId ?? row.id }, range));
    });
    return this.page(ctx, seen, query.limit);
  }

  /**
   * What was said in the reply's thread before it, oldest first: the message that the thread begins with, and at most `limit` of the replies
   * nearest to it. Nothing of a message that is no reply. For Atrium itself, which holds back by `sources` what an answer's readers may not read.
   */
  async before(system: OrgContext, { threadId, seq }: Pick<Message, 'threadId' | 'seq'>, limit: number): Promise<ThreadTurn[]> {
    if (threadId === null) return [];
    const { seen, sources } = await this.db.readInOrg(system, async (tx) => {
      const replies = await this.messages.list(tx, system, { threadId }, { before: seq, order: 'desc', limit });
      const rows = [await this.readable(tx, system, threadId), ...replies.toReversed()];
      const made = await this.sources.ofMessages(tx, system, idsOfAgents(rows));
      return { seen: { rows, requires: new Map<string, string[][]>(), head: 0 }, sources: made };
    });
    return (await this.show(system, seen)).map((message) => ({ message, sources: sources.get(message.id) ?? [] }));
  }

  /** @throws NotFound `chat.message_not_found` */
  async get(ctx: OrgContext, id: MessageId): Promise<Message> {
    const seen = await this.db.readInOrg(ctx, async (tx) => this.see(tx, ctx, [await this.readable(tx, ctx, id)]));
    const [message] = await this.show(ctx, seen);
    if (!message) throw messageNotFound();
    return message;
  }

  /** The texts that edits replaced, newest first; the present one is the message's own. @throws NotFound `chat.message_not_found` */
  async revisions(ctx: OrgContext, id: MessageId, query: PageQuery): Promise<Page<MessageRevision>> {
    const before = decodeCursor(query.cursor, ['int'])?.[0];
    const { seen, rows } = await this.db.readInOrg(ctx, async (tx) => ({
      seen: await this.see(tx, ctx, [await this.readable(tx, ctx, id)]),
      rows: await tx.messageRevision.findMany({
        where: { orgId: ctx.orgId, messageId: id, ...(before === undefined ? {} : { revision: { lt: before } }) },
        orderBy: { revision: 'desc' },
        take: query.limit + 1,
      }),
    }));
    const [message] = await this.show(ctx, seen);
    const page = pageOf(rows, query.limit, (last) => [last.revision]);
    const data = page.data.map(({ revision, body, createdAt }) => ({
      revision,
      body: message?.status === 'withheld' ? '' : body,
      createdAt: createdAt.toISOString(),
    }));
    return listed({ ...page, data }, seen.head);
  }

  /** @throws NotFound `chat.message_not_found` */
  private async readable(tx: Tx, ctx: OrgContext, id: MessageId): Promise<MessageRow> {
    const row = await this.messages.find(tx, ctx, id);
    if (!row) throw messageNotFound();
    await this.channels.get(tx, ctx, row.channelId as ChannelId).catch(asMessageNotFound);
    return row;
  }

  private async see(tx: Tx, ctx: OrgContext, rows: MessageRow[]): Promise<Seen> {
    return { rows, requires: await this.sources.requires(tx, ctx, idsOfAgents(rows)), head: await this.events.head(tx, ctx) };
  }

  private async page(ctx: OrgContext, seen: Seen, limit: number): Promise<Page<Message>> {
    const { data, nextCursor } = pageOf(seen.rows, limit, (last) => [Number(last.seq)]);
    return listed({ data: await this.show(ctx, { ...seen, rows: data }), nextCursor }, seen.head);
  }

  private async show(ctx: OrgContext, { rows, requires }: Seen): Promise<Message[]> {
    const names = await this.directory.displayNames(ctx.orgId, rows.map(authorOf));
    return this.withholding.apply(
      ctx,
      rows.map((row) => messageView(row, names)),
      requires,
    );
  }
}

/** Only what agents said has sources. */
const idsOfAgents = (rows: readonly MessageRow[]) => rows.filter((row) => row.authorKind === 'agent').map((row) => row.id);

/** One row more than the page, to know whether there are more. */
function rangeOf({ before, after, cursor, limit }: MessagesQuery): MessageRange {
  const last = decodeCursor(cursor, ['number'])?.[0];
  const order = after === undefined ? 'desc' : 'asc';
  const range: MessageRange = { before, after, order, limit: limit + 1 };
  if (last === undefined) return range;
  return order === 'asc' ? { ...range, after: Math.max(last, after ?? 0) } : { ...range, before: Math.min(last, before ?? last) };
}
