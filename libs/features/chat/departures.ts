import { Injectable } from '@nestjs/common';
import { Db } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { ChannelId, PrincipalRef } from '@atrium/contracts';
import { ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelsService } from './channels.service.js';

/** Takes who left the organization out of its channels, so that a later invitation does not bring the old ones back. */
@Injectable()
export class Departures {
  constructor(
    private readonly db: Db,
    private readonly members: ChannelMemberRepository,
    private readonly channels: ChannelsService,
  ) {}

  @OnEvent('chat.departures', 'organizations.member_removed')
  async leaveChannels(ctx: OrgContext, { subject }: LoggedEvent): Promise<void> {
    const person: PrincipalRef = { kind: 'user', id: subject.id };
    const channels = await this.db.readInOrg(ctx, (tx) => this.members.channelsOf(tx, ctx, person));
    for (const channelId of channels) {
      await this.channels.removeMember(ctx, channelId as ChannelId, person).catch((error: unknown) => {
        // Gone meanwhile: the channel, or the membership.
        if (!(error instanceof NotFound)) throw error;
      });
    }
  }
}
