import { Injectable } from '@nestjs/common';
import type { Channel, ChannelId } from '@atrium/contracts';
import { Prisma, type Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type ChannelAccess, channelNotFound, type ChannelRole, type ChannelRow, mayRead } from './channel.js';
import { readerOf } from './reader.js';
import { unreadSince } from './unread-count.js';

interface ViewRow extends ChannelRow {
  role: ChannelRole | null;
  memberCount: number;
  unread: number;
  mentions: number;
}

const COLUMNS = Prisma.sql`c.id, c.name, c.kind, c.topic, c.description, c.archived_at AS "archivedAt", c.created_at AS "createdAt", c.updated_at AS "updatedAt"`;

@Injectable()
export class ChannelRepository {
  /** @throws NotFound `chat.channel_not_found`, for a channel that the caller may not read as well. */
  async get(tx: Tx, ctx: OrgContext, id: ChannelId): Promise<ChannelAccess> {
    const reader = readerOf(ctx);
    const [row] = await tx.$queryRaw<(ChannelRow & { own: ChannelRole | null; person: ChannelRole | null })[]>`
      SELECT ${COLUMNS}, own.role AS own, person.role AS person FROM channels c
      LEFT JOIN channel_members own ON own.org_id = c.org_id AND own.channel_id = c.id AND own.member_kind = ${reader.self?.kind ?? null} AND own.member_id = ${reader.self?.id ?? null}::uuid
      LEFT JOIN channel_members person ON person.org_id = c.org_id AND person.channel_id = c.id AND person.member_kind = 'user' AND person.member_id = ${reader.personId}::uuid
      WHERE c.org_id = ${ctx.orgId}::uuid AND c.id = ${id}::uuid AND c.removed_at IS NULL`;
    if (!row) throw channelNotFound();
    const { own, person, ...channel } = row;
    const access = { channel, own, person };
    if (!mayRead(reader, access)) throw channelNotFound();
    return access;
  }

  /**
   * The same, locked: until the commit nobody posts, archives or changes members. Memberships are read after the wait, never before it.
   * @throws NotFound `chat.channel_not_found`
   */
  async lock(tx: Tx, ctx: OrgContext, id: ChannelId): Promise<ChannelAccess> {
    await tx.$queryRaw`SELECT 1 FROM channels WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** The channels that the caller may read, oldest first: one, or those after the id `after`. */
  async views(tx: Tx, ctx: OrgContext, which: { id: ChannelId } | { after: string | null; limit: number }): Promise<Channel[]> {
    const { self, personId, readsAll, readsPublic } = readerOf(ctx);
    const one = 'id' in which ? which.id : null;
    const after = 'id' in which ? null : which.after;
    const rows = await tx.$queryRaw<ViewRow[]>`
      SELECT ${COLUMNS}, me.role, coalesce(u.unread, 0) AS unread, coalesce(u.mentions, 0) AS mentions,
        (SELECT count(*)::int FROM channel_members n WHERE n.org_id = c.org_id AND n.channel_id = c.id) AS "memberCount"
      FROM channels c
      LEFT JOIN channel_members me ON me.org_id = c.org_id AND me.channel_id = c.id AND me.member_kind = ${self?.kind ?? null} AND me.member_id = ${self?.id ?? null}::uuid
      LEFT JOIN LATERAL ${unreadSince(self)} u ON true
      WHERE c.org_id = ${ctx.orgId}::uuid AND c.removed_at IS NULL AND (${one}::uuid IS NULL OR c.id = ${one}::uuid) AND (${after}::uuid IS NULL OR c.id > ${after}::uuid)
        AND (${readsAll}::boolean OR (${readsPublic}::boolean AND c.kind = 'public') OR EXISTS (
          SELECT 1 FROM channel_members p WHERE p.org_id = c.org_id AND p.channel_id = c.id AND p.member_kind = 'user' AND p.member_id = ${personId}::uuid))
      ORDER BY c.id LIMIT ${'id' in which ? 1 : which.limit}`;
    return rows.map(channelView);
  }

  /**
   * Nobody's from the commit on: without members, name or grants it is found by nothing but the work that takes away its content. A locked
   * channel only.
   */
  async hide(tx: Tx, ctx: OrgContext, id: ChannelId): Promise<void> {
    await tx.channelMember.deleteMany({ where: { orgId: ctx.orgId, channelId: id } });
    await tx.channel.updateMany({
      where: { orgId: ctx.orgId, id },
      data: { kind: 'private', name: '', topic: '', description: '', removedAt: new Date() },
    });
  }

  /** Takes the row of a hidden channel away; one that is not hidden stays. */
  async remove(tx: Tx, ctx: OrgContext, id: string): Promise<void> {
    await tx.channel.deleteMany({ where: { orgId: ctx.orgId, id, removedAt: { not: null } } });
  }

  /** @throws NotFound `chat.channel_not_found` */
  async view(tx: Tx, ctx: OrgContext, id: ChannelId): Promise<Channel> {
    const [view] = await this.views(tx, ctx, { id });
    if (!view) throw channelNotFound();
    return view;
  }
}

function channelView(row: ViewRow): Channel {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    topic: row.topic,
    description: row.description,
    archivedAt: row.archivedAt?.toISOString() ?? null,
    memberCount: row.memberCount,
    role: row.role,
    unread: row.unread,
    mentions: row.mentions,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
