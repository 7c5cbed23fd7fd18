import { Injectable } from '@nestjs/common';
import type { MessageId, PrincipalRef } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AnswerSourceRepository } from './answer-source.repository.js';
import type { MessageRow } from './message.js';
import type { ThreadRoot } from './message-events.js';
import { MessageUnits } from './message-units.js';

/** Messages of one step of a channel's erasure. */
const BATCH = 500;

/** Which messages of a channel or thread, and in which order. Seqs are exclusive. */
export interface MessageRange {
  before?: number | undefined;
  after?: number | undefined;
  order: 'asc' | 'desc';
  limit: number;
}

@Injectable()
export class MessageRepository {
  constructor(
    private readonly events: Events,
    private readonly units: MessageUnits,
    private readonly sources: AnswerSourceRepository,
  ) {}

  find(tx: Tx, ctx: OrgContext, id: string): Promise<MessageRow | null> {
    return tx.message.findFirst({ where: { orgId: ctx.orgId, id } });
  }

  async lock(tx: Tx, ctx: OrgContext, id: string): Promise<MessageRow | null> {
    await tx.$queryRaw`SELECT 1 FROM messages WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.find(tx, ctx, id);
  }

  findByClientId(tx: Tx, ctx: OrgContext, channelId: string, author: PrincipalRef, clientId: string): Promise<MessageRow | null> {
    return tx.message.findFirst({ where: { orgId: ctx.orgId, channelId, authorKind: author.kind, authorId: author.id, clientId } });
  }

  list(tx: Tx, ctx: OrgContext, where: { channelId: string } | { threadId: string }, range: MessageRange): Promise<MessageRow[]> {
    const seq = { ...(range.before === undefined ? {} : { lt: range.before }), ...(range.after === undefined ? {} : { gt: range.after }) };
    return tx.message.findMany({ where: { orgId: ctx.orgId, ...where, seq }, orderBy: { seq: range.order }, take: range.limit });
  }

  /** Of a channel those after the seq `after`, in order. */
  idsAfter(tx: Tx, { orgId }: OrgContext, channelId: string, after: number, limit: number): Promise<{ id: string; seq: bigint }[]> {
    const where = { orgId, channelId, seq: { gt: after } };
    return tx.message.findMany({ where, orderBy: { seq: 'asc' }, take: limit, select: { id: true, seq: true } });
  }

  async insert(tx: Tx, ctx: OrgContext, row: MessageRow): Promise<void> {
    const { citations, mentions, ...columns } = row;
    await tx.message.create({ data: { ...columns, orgId: ctx.orgId, citations: citations ?? [], mentions: mentions ?? [] } });
  }

  async update(tx: Tx, ctx: OrgContext, id: string, columns: Partial<MessageRow>): Promise<void> {
    const { citations, mentions, ...rest } = columns;
    await tx.message.updateMany({
      where: { orgId: ctx.orgId, id },
      data: {
        ...rest,
        ...(citations === undefined ? {} : { citations: citations ?? [] }),
        ...(mentions === undefined ? {} : { mentions: mentions ?? [] }),
      },
    });
  }

  /** Counts a reply in its root and answers what it has now. */
  async countReply(tx: Tx, ctx: OrgContext, rootId: MessageId, at: Date): Promise<number> {
    const [row] = await tx.$queryRaw<{ replyCount: number }[]>`
      UPDATE messages SET reply_count = reply_count + 1, last_reply_at = ${at} WHERE org_id = ${ctx.orgId}::uuid AND id = ${rootId}::uuid
      RETURNING reply_count AS "replyCount"`;
    return row?.replyCount ?? 0;
  }

  /** Counts the replies of a thread that are not deleted. */
  async recountReplies(tx: Tx, ctx: OrgContext, rootId: MessageId): Promise<ThreadRoot> {
    const { _count, _max } = await tx.message.aggregate({
      where: { orgId: ctx.orgId, threadId: rootId, deletedAt: null },
      _count: true,
      _max: { createdAt: true },
    });
    await this.update(tx, ctx, rootId, { replyCount: _count, lastReplyAt: _max.createdAt });
    return { id: rootId, replyCount: _count, lastReplyAt: _max.createdAt?.toISOString() ?? null };
  }

  /** What a message said before it was edited. */
  async firstBody(tx: Tx, ctx: OrgContext, { id, body, revision }: MessageRow): Promise<string> {
    if (revision === 1) return body;
    const first = await tx.messageRevision.findFirst({ where: { orgId: ctx.orgId, messageId: id, revision: 1 } });
    return first?.body ?? body;
  }

  /** Takes every trace of a message's text away but the row itself, which keeps its place. */
  async removeTraces(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    await tx.messageRevision.deleteMany({ where: { orgId: ctx.orgId, messageId } });
    await this.sources.remove(tx, ctx, messageId);
    await this.removeText(tx, ctx, messageId);
  }

  /**
   * Erases up to 500 messages of a channel, the newest first, so that replies go before what they answer. Answers how many those were.
   */
  async eraseBatch(tx: Tx, ctx: OrgContext, channelId: string): Promise<number> {
    const rows = await tx.message.findMany({
      where: { orgId: ctx.orgId, channelId },
      orderBy: { seq: 'desc' },
      take: BATCH,
      select: { id: true },
    });
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await this.units.removeMany(tx, ctx, ids);
    await this.events.eraseTexts(tx, ctx, 'message', ids);
    await tx.message.deleteMany({ where: { orgId: ctx.orgId, id: { in: ids } } });
    return ids.length;
  }

  private async removeText(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    await this.units.remove(tx, ctx, messageId);
    await this.events.eraseText(tx, ctx, { kind: 'message', id: messageId });
  }
}
