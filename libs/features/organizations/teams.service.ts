import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { AddTeamMember, CreateTeam, PatchTeam, PatchTeamMember, Team, TeamId, TeamMember, UserId } from '@atrium/contracts';
import { Db, isUniqueViolation, type Tx } from '@atrium/platform/db';
import { Conflict } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { getMember } from './member.repository.js';
import {
  assertLeads,
  assertMayRemove,
  assertRoomForTeam,
  assertRoomInTeam,
  teamMemberNotFound,
  type TeamRow,
  toTeam,
  toTeamMember,
} from './team.js';
import { teamDeleted, teamMemberRemoved, teamMemberTold, teamTold } from './team-events.js';
import { TeamRepository } from './team.repository.js';

/** Commands on teams and who is in them. */
@Injectable()
export class TeamsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly teams: TeamRepository,
  ) {}

  /**
   * A team without members.
   * @throws Conflict `organizations.team_name_taken` in any case of letters, QuotaExceeded `organizations.limit_reached`
   */
  create(ctx: OrgContext, input: CreateTeam): Promise<Team> {
    return nameChecked(
      this.db.inOrg(ctx, async (tx) => {
        assertRoomForTeam(await this.teams.countLocked(tx, ctx));
        const id = uuidv7() as TeamId;
        await this.teams.insert(tx, ctx, { id, ...input });
        await this.events.append(tx, ctx, teamTold('organizations.team_created', { id, ...input }));
        return toTeam(await this.teams.get(tx, ctx, id));
      }),
    );
  }

  /**
   * Honours If-Match. A change that changes nothing tells nothing.
   * @throws NotFound `organizations.team_not_found`, Forbidden `organizations.not_a_lead`, Conflict `organizations.team_name_taken`,
   * `request.precondition_failed`
   */
  change(ctx: OrgContext, id: TeamId, input: PatchTeam): Promise<Team> {
    return nameChecked(
      this.db.inOrg(ctx, async (tx) => {
        const before = await this.teams.lock(tx, ctx, id);
        assertLeads(ctx, before);
        assertUnchanged(ctx, before);
        const after: TeamRow = { ...before, ...input, updatedAt: later(before.updatedAt) };
        const changes = differences(before, after);
        if (Object.keys(changes).length === 0) return toTeam(before);
        await this.teams.update(tx, ctx, after);
        await this.events.append(tx, ctx, teamTold('organizations.team_changed', after, changes));
        return toTeam(after);
      }),
    );
  }

  /**
   * What was shared with the team is then shared with nobody by it.
   * @throws NotFound `organizations.team_not_found`
   */
  remove(ctx: OrgContext, id: TeamId): Promise<void> {
    return this.db.inOrg(ctx, async (tx) => {
      assertUnchanged(ctx, await this.teams.lock(tx, ctx, id));
      await this.teams.remove(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'team', id });
      await this.events.append(tx, ctx, teamDeleted(id));
    });
  }

  /**
   * @throws NotFound `organizations.team_not_found`, `organizations.member_not_found`, Forbidden `organizations.not_a_lead`,
   * Conflict `organizations.already_in_team`, QuotaExceeded `organizations.limit_reached`
   */
  addMember(ctx: OrgContext, teamId: TeamId, { userId, role }: AddTeamMember): Promise<TeamMember> {
    return this.db.inOrg(ctx, async (tx) => {
      const team = await this.teams.lock(tx, ctx, teamId);
      assertLeads(ctx, team);
      assertRoomInTeam(team);
      await getMember(tx, ctx.orgId, userId);
      if (!(await this.teams.addMember(tx, ctx, teamId, userId, role))) {
        throw new Conflict('organizations.already_in_team', 'That person is in the team already.');
      }
      await this.events.append(tx, ctx, teamMemberTold('organizations.team_member_added', teamId, { userId, role }, null));
      return this.memberOf(tx, ctx, teamId, userId);
    });
  }

  /** @throws NotFound `organizations.team_not_found`, `organizations.team_member_not_found`, Forbidden `organizations.not_a_lead` */
  changeMember(ctx: OrgContext, teamId: TeamId, userId: UserId, { role }: PatchTeamMember): Promise<TeamMember> {
    return this.db.inOrg(ctx, async (tx) => {
      assertLeads(ctx, await this.teams.lock(tx, ctx, teamId));
      const before = await this.memberOf(tx, ctx, teamId, userId);
      assertUnchanged(ctx, { updatedAt: new Date(before.updatedAt) });
      if (before.role === role) return before;
      await this.teams.changeMember(tx, ctx, teamId, userId, role);
      await this.events.append(tx, ctx, teamMemberTold('organizations.team_member_changed', teamId, { userId, role }, before.role));
      return this.memberOf(tx, ctx, teamId, userId);
    });
  }

  /** @throws NotFound `organizations.team_not_found`, `organizations.team_member_not_found`, Forbidden `organizations.not_a_lead` */
  removeMember(ctx: OrgContext, teamId: TeamId, userId: UserId): Promise<void> {
    return this.db.inOrg(ctx, async (tx) => {
      assertMayRemove(ctx, await this.teams.lock(tx, ctx, teamId), userId);
      const { role } = await this.memberOf(tx, ctx, teamId, userId);
      await this.teams.removeMember(tx, ctx, teamId, userId);
      await this.events.append(tx, ctx, teamMemberRemoved(teamId, userId, role));
    });
  }

  private async memberOf(tx: Tx, ctx: OrgContext, teamId: TeamId, userId: UserId): Promise<TeamMember> {
    const row = await this.teams.findMember(tx, ctx, teamId, userId);
    if (!row) throw teamMemberNotFound();
    return toTeamMember(row);
  }
}

function differences(before: TeamRow, after: TeamRow): NonNullable<EventDraft['changes']> {
  const fields = (['name', 'description'] as const).filter((field) => before[field] !== after[field]);
  return Object.fromEntries(fields.map((field) => [field, ['[text]', '[text]']]));
}

async function nameChecked<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (error) {
    if (isUniqueViolation(error)) throw new Conflict('organizations.team_name_taken', 'There is a team of this name. Choose another one.');
    throw error;
  }
}
