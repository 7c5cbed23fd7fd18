import type { Team, TeamId, TeamMember, TeamRole, UserId } from '@atrium/contracts';
import { Forbidden, NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';

export const MAX_TEAMS = 1_000;
export const MAX_TEAM_MEMBERS = 5_000;

/** A row of `teams` as its reader sees it. */
export interface TeamRow {
  id: string;
  name: string;
  description: string;
  memberCount: number;
  role: TeamRole | null;
  createdAt: Date;
  updatedAt: Date;
}

/** A row of `team_members` with the person's name. */
export interface TeamMemberRow {
  userId: string;
  displayName: string;
  role: TeamRole;
  createdAt: Date;
  updatedAt: Date;
}

export const toTeam = (row: TeamRow): Team => ({
  id: row.id as TeamId,
  name: row.name,
  description: row.description,
  memberCount: row.memberCount,
  role: row.role,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

export const toTeamMember = (row: TeamMemberRow): TeamMember => ({
  userId: row.userId as UserId,
  displayName: row.displayName,
  role: row.role,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

export const teamNotFound = () => new NotFound('organizations.team_not_found', 'There is no such team.');
export const teamMemberNotFound = () => new NotFound('organizations.team_member_not_found', 'There is no such member of the team.');

/** @throws Forbidden `organizations.not_a_lead` */
export function assertLeads(ctx: OrgContext, { role }: Pick<TeamRow, 'role'>): void {
  if (role === 'lead' || ctx.permissions.has('teams:manage')) return;
  throw new Forbidden('organizations.not_a_lead', 'Only leads of the team and administrators may do this.');
}

/**
 * Leads remove anyone; everybody may leave.
 * @throws Forbidden `organizations.not_a_lead`
 */
export function assertMayRemove(ctx: OrgContext, team: Pick<TeamRow, 'role'>, userId: UserId): void {
  if (personOf(ctx) !== userId) assertLeads(ctx, team);
}

/** @throws QuotaExceeded `organizations.limit_reached` */
export function assertRoomForTeam(count: number): void {
  if (count < MAX_TEAMS) return;
  throw new QuotaExceeded('organizations.limit_reached', `An organization has at most ${MAX_TEAMS} teams.`, {
    params: { limit: MAX_TEAMS },
  });
}

/** @throws QuotaExceeded `organizations.limit_reached` */
export function assertRoomInTeam({ memberCount }: Pick<TeamRow, 'memberCount'>): void {
  if (memberCount < MAX_TEAM_MEMBERS) return;
  throw new QuotaExceeded('organizations.limit_reached', `A team has at most ${MAX_TEAM_MEMBERS} members.`, {
    params: { limit: MAX_TEAM_MEMBERS },
  });
}
