import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import { SearchIndex, type Subject, subjectKey } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { AnswerSource } from './message.js';

/** A place in the walk over all sources that are messages. */
export interface SourcePlace {
  subjectId: string;
  messageId: string;
}

/** Sources with the grants of now. */
export interface PresentSources {
  sources: AnswerSource[];
  /** One of them is not there any more. */
  isGone: boolean;
  /** One of them is there, but nobody finds it for now: its grants are on their way. */
  isHidden: boolean;
}

/**
 * The table `message_sources`: what answers were made of, and the grants that were told last. What counts are the grants of now, which the
 * index of search has from the owners' own transactions.
 */
@Injectable()
export class AnswerSourceRepository {
  constructor(private readonly index: SearchIndex) {}

  /** By message, of those that have sources: the grants that each has now, none of one that is gone. */
  async requires(tx: Tx, ctx: OrgContext, messageIds: string[]): Promise<Map<string, string[][]>> {
    const sources = await this.ofMessages(tx, ctx, messageIds);
    return new Map([...sources].map(([messageId, own]) => [messageId, own.map(({ grants }) => grants)]));
  }

  /** The same as `requires`, with what the sources are. */
  async ofMessages(tx: Tx, ctx: OrgContext, messageIds: string[]): Promise<Map<string, AnswerSource[]>> {
    const sources = new Map<string, AnswerSource[]>();
    if (messageIds.length === 0) return sources;
    const rows = await tx.messageSource.findMany({
      where: { orgId: ctx.orgId, messageId: { in: messageIds } },
      orderBy: { ordinal: 'asc' },
    });
    const present = await this.index.grantsOf(tx, ctx, rows);
    for (const { messageId, kind, subjectId } of rows) {
      const source = { kind, subjectId, grants: present.get(subjectKey({ kind, subjectId })) ?? [] };
      sources.set(messageId, [...(sources.get(messageId) ?? []), source]);
    }
    return sources;
  }

  /** The same sources with the grants of now, none of one that is gone or hidden. */
  async present(tx: Tx, ctx: OrgContext, sources: readonly AnswerSource[]): Promise<PresentSources> {
    const present = await this.index.grantsOf(tx, ctx, sources);
    const grants = sources.map((source) => present.get(subjectKey(source)));
    return {
      sources: sources.map((source, at) => ({ ...source, grants: [...(grants[at] ?? [])].sort() })),
      isGone: grants.some((keys) => keys === undefined),
      isHidden: grants.some((keys) => keys?.length === 0),
    };
  }

  /** As told last. */
  async list(tx: Tx, ctx: OrgContext, messageId: string): Promise<AnswerSource[]> {
    const rows = await tx.messageSource.findMany({ where: { orgId: ctx.orgId, messageId }, orderBy: { ordinal: 'asc' } });
    return rows.map(({ kind, subjectId, grants }) => ({ kind, subjectId, grants }));
  }

  /** Writes anew what an answer was made of. */
  async put(tx: Tx, ctx: OrgContext, messageId: string, sources: readonly AnswerSource[]): Promise<void> {
    await tx.messageSource.deleteMany({ where: { orgId: ctx.orgId, messageId } });
    await tx.messageSource.createMany({
      data: sources.map(({ kind, subjectId, grants }, ordinal) => ({ orgId: ctx.orgId, messageId, ordinal, kind, subjectId, grants })),
    });
  }

  async remove(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    await tx.messageSource.deleteMany({ where: { orgId: ctx.orgId, messageId } });
  }

  /** The messages that were made of a subject, by id, from after `after` on. */
  async answersOf(tx: Tx, ctx: OrgContext, { kind, subjectId }: Subject, after: string | null, limit: number): Promise<string[]> {
    const rows = await tx.$queryRaw<{ messageId: string }[]>`
      SELECT DISTINCT message_id AS "messageId" FROM message_sources
      WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid AND (${after}::uuid IS NULL OR message_id > ${after}::uuid)
      ORDER BY message_id LIMIT ${limit}`;
    return rows.map(({ messageId }) => messageId);
  }

  /** The messages that were made of any subject of a kind, by id, from after `after` on. */
  async answersFrom(tx: Tx, ctx: OrgContext, kind: string, after: string | null, limit: number): Promise<string[]> {
    const rows = await tx.$queryRaw<{ messageId: string }[]>`
      SELECT DISTINCT message_id AS "messageId" FROM message_sources
      WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND (${after}::uuid IS NULL OR message_id > ${after}::uuid)
      ORDER BY message_id LIMIT ${limit}`;
    return rows.map(({ messageId }) => messageId);
  }

  /**
   * All sources that are messages, in order, from after `after` on; `isGone`: of this channel, which was removed, or not there any more.
   */
  messageSources(
    tx: Tx,
    ctx: OrgContext,
    channelId: string,
    after: SourcePlace | null,
    limit: number,
  ): Promise<(SourcePlace & { isGone: boolean })[]> {
    return tx.$queryRaw`
      SELECT s.subject_id AS "subjectId", s.message_id AS "messageId", m.id IS NULL OR m.channel_id = ${channelId}::uuid AS "isGone" FROM message_sources s
      LEFT JOIN messages m ON m.org_id = s.org_id AND m.id = s.subject_id
      WHERE s.org_id = ${ctx.orgId}::uuid AND s.kind = 'message'
        AND (${after?.subjectId ?? null}::uuid IS NULL OR (s.subject_id, s.message_id) > (${after?.subjectId ?? null}::uuid, ${after?.messageId ?? null}::uuid))
      ORDER BY s.subject_id, s.message_id LIMIT ${limit}`;
  }
}
