import { Injectable } from '@nestjs/common';
import type { ChannelId, Unread } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { LiveBus } from '@atrium/platform/realtime';
import type { OrgContext } from '@atrium/platform/tenancy';
import { assertMember } from './channel.js';
import { ChannelRepository } from './channel.repository.js';
import { readerOf } from './reader.js';

/** Read markers: personal, so plain rows and a nudge, not events. */
@Injectable()
export class ReadingService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly live: LiveBus,
  ) {}

  /**
   * Moves the caller's marker forward, never back and never beyond what has happened.
   * @throws NotFound `chat.channel_not_found`, Forbidden `chat.not_a_member`
   */
  async markRead(ctx: OrgContext, channelId: ChannelId, seq: number): Promise<Unread> {
    const { self } = readerOf(ctx);
    const unread = await this.db.inOrg(ctx, async (tx) => {
      assertMember(await this.channels.get(tx, ctx, channelId));
      const reached = Math.min(seq, await this.events.head(tx, ctx));
      const [marker] = await tx.$queryRaw<{ seq: bigint }[]>`
        UPDATE channel_members SET last_read_seq = greatest(last_read_seq, ${reached})
        WHERE org_id = ${ctx.orgId}::uuid AND channel_id = ${channelId}::uuid AND member_kind = ${self?.kind ?? null} AND member_id = ${self?.id ?? null}::uuid
        RETURNING last_read_seq AS seq`;
      const channel = await this.channels.view(tx, ctx, channelId);
      return { channelId, unread: channel.unread, mentions: channel.mentions, lastReadSeq: Number(marker?.seq ?? 0) };
    });
    if (self?.kind === 'user') {
      this.live.publish(ctx.orgId, { type: 'live', kind: 'read', channelId, seq: unread.lastReadSeq }, { userId: self.id });
    }
    return unread;
  }
}
