import { Injectable } from '@nestjs/common';
import type { OrgId, Page, PageQuery, Team, TeamId, TeamMember } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toTeam, toTeamMember } from './team.js';
import { TeamRepository } from './team.repository.js';

/** The reads on teams. */
@Injectable()
export class TeamsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly teams: TeamRepository,
  ) {}

  /** Oldest first. */
  list(ctx: OrgContext, query: PageQuery): Promise<Page<Team>> {
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const page = pageOf(await this.teams.list(tx, ctx, after, query.limit + 1), query.limit, (last) => [last.id]);
      return listed({ ...page, data: page.data.map(toTeam) }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `organizations.team_not_found` */
  get(ctx: OrgContext, id: TeamId): Promise<Team> {
    return this.db.readInOrg(ctx, async (tx) => toTeam(await this.teams.get(tx, ctx, id)));
  }

  /** @throws NotFound `organizations.team_not_found` */
  listMembers(ctx: OrgContext, id: TeamId, query: PageQuery): Promise<Page<TeamMember>> {
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      await this.teams.get(tx, ctx, id);
      const page = pageOf(await this.teams.members(tx, ctx, id, after, query.limit + 1), query.limit, (last) => [last.userId]);
      return listed({ ...page, data: page.data.map(toTeamMember) }, await this.events.head(tx, ctx));
    });
  }

  /** The ids of the person's teams, in the caller's transaction. */
  teamsOf(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, userId: string): Promise<string[]> {
    return this.teams.teamsOf(tx, ctx, userId);
  }

  /** The ids of the teams that all of these different people are in, in the caller's transaction. */
  sharedBy(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, userIds: readonly string[]): Promise<string[]> {
    return this.teams.sharedBy(tx, ctx, userIds);
  }

  /** Which of the ids are teams of the organization, in the caller's transaction. */
  async existing(tx: Tx, { orgId }: { orgId: OrgId }, ids: readonly string[]): Promise<Set<string>> {
    const rows = await tx.team.findMany({ where: { orgId, id: { in: [...ids] } }, select: { id: true } });
    return new Set(rows.map(({ id }) => id));
  }
}
