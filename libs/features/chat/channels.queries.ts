import { Injectable } from '@nestjs/common';
import type { Channel, ChannelId, ChannelMember, Page, PageQuery, Unread } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { AnswerAudience } from './answer-audience.js';
import { type ChannelMemberRow, ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { keyOf, type Names, readerOf } from './reader.js';
import { unreadSince } from './unread-count.js';

/** The reads on channels: only what the caller may read. */
@Injectable()
export class ChannelsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly members: ChannelMemberRepository,
    private readonly audience: AnswerAudience,
    private readonly directory: PrincipalDirectory,
  ) {}

  /** Oldest first. */
  list(ctx: OrgContext, query: PageQuery): Promise<Page<Channel>> {
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.channels.views(tx, ctx, { after, limit: query.limit + 1 });
      return listed(
        pageOf(rows, query.limit, (last) => [last.id]),
        await this.events.head(tx, ctx),
      );
    });
  }

  /** @throws NotFound `chat.channel_not_found` */
  get(ctx: OrgContext, id: ChannelId): Promise<Channel> {
    return this.db.readInOrg(ctx, (tx) => this.channels.view(tx, ctx, id));
  }

  /** @throws NotFound `chat.channel_not_found` */
  async listMembers(ctx: OrgContext, id: ChannelId, query: PageQuery): Promise<Page<ChannelMember>> {
    const cursor = decodeCursor(query.cursor, ['string', 'uuid']);
    const after = cursor ? { kind: cursor[0] as 'user' | 'agent', id: cursor[1] } : null;
    const { rows, head } = await this.db.readInOrg(ctx, async (tx) => {
      await this.channels.get(tx, ctx, id);
      return { rows: await this.members.list(tx, ctx, id, after, query.limit + 1), head: await this.events.head(tx, ctx) };
    });
    const page = pageOf(rows, query.limit, (last) => [last.kind, last.id]);
    const names = await this.directory.displayNames(ctx.orgId, page.data);
    return listed({ ...page, data: page.data.map((row) => memberView(row, names)) }, head);
  }

  /**
   * Grant keys of what may be used in an answer that is written into the channel: what everyone who reads it may read.
   * @throws NotFound `chat.channel_not_found`
   */
  grantsForAnswer(ctx: OrgContext, id: ChannelId): Promise<string[]> {
    return this.audience.grantsFor(ctx, id);
  }

  /** What the caller has not read, channel by channel of which they are a member. */
  unread(ctx: OrgContext, query: PageQuery): Promise<Page<Unread>> {
    const { self } = readerOf(ctx);
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await tx.$queryRaw<(Omit<Unread, 'lastReadSeq'> & { lastReadSeq: bigint })[]>`
        SELECT me.channel_id AS "channelId", u.unread, u.mentions, me.last_read_seq AS "lastReadSeq" FROM channel_members me
        CROSS JOIN LATERAL ${unreadSince(self)} u
        WHERE me.org_id = ${ctx.orgId}::uuid AND me.member_kind = ${self?.kind ?? null} AND me.member_id = ${self?.id ?? null}::uuid
          AND (${after}::uuid IS NULL OR me.channel_id > ${after}::uuid)
        ORDER BY me.channel_id LIMIT ${query.limit + 1}`;
      const page = pageOf(
        rows.map((row) => ({ ...row, lastReadSeq: Number(row.lastReadSeq) })),
        query.limit,
        (last) => [last.channelId],
      );
      return listed(page, await this.events.head(tx, ctx));
    });
  }
}

export function memberView(row: ChannelMemberRow, names: Names): ChannelMember {
  return {
    kind: row.kind,
    id: row.id,
    displayName: names.get(keyOf(row)) ?? '',
    role: row.role,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
