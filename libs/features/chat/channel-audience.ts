import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import { applyChannelEvent, type AudienceResolver, AudienceResolvers, type Rights } from '@atrium/platform/realtime';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Tells live delivery who may read each channel. */
@Injectable()
export class ChannelAudience implements AudienceResolver, OnModuleInit {
  readonly kind = 'channel';
  readonly apply = applyChannelEvent;

  constructor(private readonly resolvers: AudienceResolvers) {}

  onModuleInit(): void {
    this.resolvers.register(this);
  }

  async load(tx: Tx, ctx: OrgContext): Promise<Rights> {
    const rows = await tx.$queryRaw<{ id: string; public: boolean; members: string[] }[]>`
      SELECT c.id, c.kind = 'public' AS public, ARRAY(
        SELECT m.member_kind || ':' || m.member_id FROM channel_members m WHERE m.org_id = c.org_id AND m.channel_id = c.id) AS members
      FROM channels c WHERE c.org_id = ${ctx.orgId}::uuid AND c.removed_at IS NULL`;
    return new Map(rows.map((row) => [`channel:${row.id}`, { public: row.public, members: new Set(row.members) }]));
  }
}
