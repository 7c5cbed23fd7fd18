import { Injectable } from '@nestjs/common';
import type { ChannelId, PrincipalRef } from '@atrium/contracts';
import { MembersQueries, TeamsQueries } from '@atrium/features/organizations';
import { Db, type Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { grantsOf } from './channel.js';
import { ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelRepository } from './channel.repository.js';

/** Works out what everyone who reads a channel may read. */
@Injectable()
export class AnswerAudience {
  constructor(
    private readonly db: Db,
    private readonly channels: ChannelRepository,
    private readonly members: ChannelMemberRepository,
    private readonly organization: MembersQueries,
    private readonly teams: TeamsQueries,
  ) {}

  /**
   * Grant keys, never none: whatever has one of them may be used in an answer that is written into the channel. For a public channel what
   * every member of the organization may read; for another one what all people in it may read now (agents are not counted): what is open to them,
   * their common channels and teams. What is shared with each of them by name has no key of them all and is not used, but for one person.
   * @throws NotFound `chat.channel_not_found`
   */
  async grantsFor(ctx: OrgContext, channelId: ChannelId): Promise<string[]> {
    const { own, people, shared } = await this.db.readInOrg(ctx, async (tx) => {
      const { channel } = await this.channels.get(tx, ctx, channelId);
      if (channel.kind === 'public') return { own: ['everyone', ...grantsOf(channel)], people: [], shared: [] };
      const users = (await this.members.refs(tx, ctx, channelId)).filter(({ kind }) => kind === 'user');
      const channels = await this.sharedChannels(tx, ctx, users);
      const teams = await this.teams.sharedBy(tx, ctx, idsOf(users));
      return { own: ['everyone', ...grantsOf(channel)], people: users, shared: [...channels, ...teams.map((id) => `team:${id}`)] };
    });
    if (people.length === 0) return own;
    const alone = people.length === 1 ? people.map(({ id }) => `user:${id}`) : [];
    const open = (await this.haveGuest(ctx, people)) ? [] : ['org'];
    return [...new Set([...own, ...shared, ...alone, ...open])];
  }

  /** The channels that all of these people are in. */
  private async sharedChannels(tx: Tx, ctx: OrgContext, people: PrincipalRef[]): Promise<string[]> {
    const ids = idsOf(people);
    const rows = await tx.$queryRaw<{ channelId: string }[]>`
      SELECT channel_id AS "channelId" FROM channel_members WHERE org_id = ${ctx.orgId}::uuid AND member_kind = 'user' AND member_id = ANY (${ids}::uuid[])
      GROUP BY channel_id HAVING count(*) = ${ids.length}`;
    return rows.map(({ channelId }) => `channel:${channelId}`);
  }

  /** Whether one of these people is a guest of the organization, or unknown to it. */
  private async haveGuest(ctx: OrgContext, people: PrincipalRef[]): Promise<boolean> {
    const sought = new Set(people.map(({ id }) => id));
    for (let cursor: string | undefined; ;) {
      const page = await this.organization.list(ctx, { limit: 200, cursor });
      for (const { userId, role } of page.data) if (role !== 'guest') sought.delete(userId);
      if (sought.size === 0) return false;
      if (page.nextCursor === null) return true;
      cursor = page.nextCursor;
    }
  }
}

const idsOf = (people: readonly PrincipalRef[]) => people.map(({ id }) => id);
