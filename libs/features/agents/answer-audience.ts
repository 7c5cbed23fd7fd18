import { Injectable } from '@nestjs/common';
import type { ChannelId, UserId } from '@atrium/contracts';
import { ChannelsQueries } from '@atrium/features/chat';
import { MembersQueries } from '@atrium/features/organizations';
import { GrantSet, ReaderGrants } from '@atrium/platform/search';
import { asAgent, type OrgContext } from '@atrium/platform/tenancy';

/** In channels of more people than these only what the channel itself and the whole organization may read counts. */
const MAX_COMPARED = 20;

/** Works out what everyone who will read an answer may read. */
@Injectable()
export class AnswerAudience {
  constructor(
    private readonly channels: ChannelsQueries,
    private readonly members: MembersQueries,
    private readonly grants: ReaderGrants,
  ) {}

  /**
   * In a public channel what every member of the organization may read; elsewhere what all present people of the channel may read; and of
   * both only what the asker may. Null when that is nothing. `system` reads the channel, `asker` is the agent on behalf of the asker.
   */
  async of(system: OrgContext, asker: OrgContext, channelId: ChannelId): Promise<GrantSet | null> {
    const own = await this.grants.of(asker);
    const { kind } = await this.channels.get(system, channelId);
    if (kind === 'public') return GrantSet.intersect(GrantSet.ofChannel(['org']), own);
    const people = await this.peopleOf(system, channelId);
    if (people.length > MAX_COMPARED) return GrantSet.intersect(GrantSet.ofChannel([`channel:${channelId}`]), own);
    let shared: GrantSet | null = own;
    for (const userId of people) {
      if (shared === null || asker.principal.kind !== 'agent') return shared;
      const { role } = await this.members.get(system, userId);
      shared = GrantSet.intersect(shared, await this.grants.of(asAgent(system, asker.principal.id, userId, role)));
    }
    return shared;
  }

  /** Up to one more than are compared. */
  private async peopleOf(system: OrgContext, channelId: ChannelId): Promise<UserId[]> {
    const people: UserId[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.channels.listMembers(system, channelId, { limit: 200, ...(cursor ? { cursor } : {}) });
      people.push(...page.data.filter((member) => member.kind === 'user').map((member) => member.id as UserId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor && people.length <= MAX_COMPARED);
    return people;
  }
}
