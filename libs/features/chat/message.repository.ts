import { Injectable } from '@nestjs/common';
import type { MessageId, PrincipalRef } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { AnswerSource, MessageRow } from './message.js';
import { MessageUnits } from './message-units.js';

/** Messages of one removal step. */
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

  /** The grants of the sources of those messages that have any. */
  async requires(tx: Tx, ctx: OrgContext, ids: string[]): Promise<Map<string, string[][]>> {
    const requires = new Map<string, string[][]>();
    if (ids.length === 0) return requires;
    const rows = await tx.messageSource.findMany({ where: { orgId: ctx.orgId, messageId: { in: ids } }, orderBy: { ordinal: 'asc' } });
    for (const { messageId, grants } of rows) requires.set(messageId, [...(requires.get(messageId) ?? []), grants]);
    return requires;
  }

  /** Writes anew what an answer was made of. */
  async putSources(tx: Tx, ctx: OrgContext, messageId: string, sources: readonly AnswerSource[]): Promise<void> {
    await tx.messageSource.deleteMany({ where: { orgId: ctx.orgId, messageId } });
    await tx.messageSource.createMany({
      data: sources.map(({ kind, subjectId, grants }, ordinal) => ({ orgId: ctx.orgId, messageId, ordinal, kind, subjectId, grants })),
    });
  }

  /** Takes every trace of a message's text away but the row itself, which keeps its place. */
  async removeTraces(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    await tx.messageRevision.deleteMany({ where: { orgId: ctx.orgId, messageId } });
    await tx.messageSource.deleteMany({ where: { orgId: ctx.orgId, messageId } });
    await this.removeText(tx, ctx, messageId);
  }

  /** The text of all messages of a channel goes; the rows go with the channel. */
  async removeOfChannel(tx: Tx, ctx: OrgContext, channelId: string): Promise<void> {
    for (let after = 0; ;) {
      const rows = await tx.message.findMany({
        where: { orgId: ctx.orgId, channelId, seq: { gt: after } },
        orderBy: { seq: 'asc' },
        take: BATCH,
        select: { id: true, seq: true },
      });
      for (const { id } of rows) await this.removeText(tx, ctx, id);
      if (rows.length < BATCH) return;
      after = Number(rows.at(-1)?.seq ?? 0);
    }
  }

  private async removeText(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    await this.units.remove(tx, ctx, messageId);
    await this.events.eraseText(tx, ctx, { kind: 'message', id: messageId });
  }
}
