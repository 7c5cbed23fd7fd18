import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Db } from '@atrium/platform/db';
import { type GrantSource, ReaderGrants } from '@atrium/platform/search';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { ChannelMemberRepository } from './channel-member.repository.js';

/** Tells search which channels a person is in. */
@Injectable()
export class ChannelGrants implements GrantSource, OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly members: ChannelMemberRepository,
    private readonly grants: ReaderGrants,
  ) {}

  onModuleInit(): void {
    this.grants.register(this);
  }

  async grantsOf(ctx: OrgContext): Promise<string[]> {
    const id = personOf(ctx);
    if (id === null) return [];
    const channels = await this.db.readInOrg(ctx, (tx) => this.members.channelsOf(tx, ctx, { kind: 'user', id }));
    return channels.map((channelId) => `channel:${channelId}`);
  }
}
