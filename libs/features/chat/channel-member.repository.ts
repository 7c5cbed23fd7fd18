import { Injectable } from '@nestjs/common';
import type { PrincipalRef } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { ChannelRole } from './channel.js';

export interface ChannelMemberRow extends PrincipalRef {
  role: ChannelRole;
  createdAt: Date;
  updatedAt: Date;
}

@Injectable()
export class ChannelMemberRepository {
  /** By kind and id, from after `after` on. */
  list(tx: Tx, ctx: OrgContext, channelId: string, after: PrincipalRef | null, limit: number): Promise<ChannelMemberRow[]> {
    return tx.$queryRaw<ChannelMemberRow[]>`
      SELECT member_kind AS kind, member_id AS id, role, created_at AS "createdAt", updated_at AS "updatedAt" FROM channel_members
      WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid
        AND (${after?.kind ?? null}::text IS NULL OR (member_kind, member_id) > (${after?.kind ?? null}::text, ${after?.id ?? null}::uuid))
      ORDER BY member_kind, member_id LIMIT ${limit}`;
  }

  /** Everyone in the channel. */
  refs(tx: Tx, ctx: OrgContext, channelId: string): Promise<PrincipalRef[]> {
    return tx.$queryRaw<PrincipalRef[]>`
      SELECT member_kind AS kind, member_id AS id FROM channel_members WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid`;
  }

  /** The channels of a principal. */
  async channelsOf(tx: Tx, ctx: OrgContext, { kind, id }: PrincipalRef): Promise<string[]> {
    const rows = await tx.$queryRaw<{ channelId: string }[]>`
      SELECT channel_id AS "channelId" FROM channel_members WHERE org_id = ${ctx.orgId}::uuid AND member_kind = ${kind} AND member_id = ${id}::uuid ORDER BY channel_id`;
    return rows.map(({ channelId }) => channelId);
  }

  /** Null when it is a member already. What was said up to `readSeq` does not count as unread. */
  async insert(
    tx: Tx,
    ctx: OrgContext,
    channelId: string,
    { kind, id }: PrincipalRef,
    role: ChannelRole,
    readSeq: number,
  ): Promise<ChannelMemberRow | null> {
    const [row] = await tx.$queryRaw<ChannelMemberRow[]>`
      INSERT INTO channel_members (org_id, channel_id, member_kind, member_id, role, last_read_seq)
      VALUES (${ctx.orgId}::uuid, ${channelId}::uuid, ${kind}, ${id}::uuid, ${role}, ${readSeq}) ON CONFLICT DO NOTHING
      RETURNING member_kind AS kind, member_id AS id, role, created_at AS "createdAt", updated_at AS "updatedAt"`;
    return row ?? null;
  }

  /** Whether it was a member. */
  async remove(tx: Tx, ctx: OrgContext, channelId: string, { kind, id }: PrincipalRef): Promise<boolean> {
    const gone = await tx.$executeRaw`
      DELETE FROM channel_members WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid AND member_kind = ${kind} AND member_id = ${id}::uuid`;
    return gone > 0;
  }

  /** Makes the person of longest standing an admin of a channel that has none left; null when there is one, or nobody. */
  async promoteIfNone(tx: Tx, ctx: OrgContext, channelId: string): Promise<PrincipalRef | null> {
    const [row] = await tx.$queryRaw<PrincipalRef[]>`
      UPDATE channel_members SET role = 'admin', updated_at = now()
      WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid AND member_kind = 'user' AND member_id = (
        SELECT member_id FROM channel_members WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid AND member_kind = 'user'
        ORDER BY created_at, member_id LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM channel_members WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid AND member_kind = 'user' AND role = 'admin')
      RETURNING member_kind AS kind, member_id AS id`;
    return row ?? null;
  }
}
