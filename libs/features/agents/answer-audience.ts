import { Injectable } from '@nestjs/common';
import type { ChannelId } from '@atrium/contracts';
import { ChannelsQueries } from '@atrium/features/chat';
import { GrantSet, ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Works out what everyone who will read an answer may read. */
@Injectable()
export class AnswerAudience {
  constructor(
    private readonly channels: ChannelsQueries,
    private readonly grants: ReaderGrants,
  ) {}

  /**
   * What all readers of the channel may read, and the asker too: null when that is nothing. `system` reads the channel, `asker` is the agent
   * on behalf of the asker. Call it outside of a transaction.
   */
  async of(system: OrgContext, asker: OrgContext, channelId: ChannelId): Promise<GrantSet | null> {
    const audience = await this.channels.grantsForAnswer(system, channelId);
    return audience.length === 0 ? null : GrantSet.intersect(GrantSet.ofChannel(audience), await this.grants.of(asker));
  }
}
