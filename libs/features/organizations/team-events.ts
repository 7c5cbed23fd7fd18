import type { TeamMember, TeamRole, UserId } from '@atrium/contracts';
import type { EventDraft } from '@atrium/platform/events';
import type { TeamRow } from './team.js';

type TeamEvent = 'organizations.team_created' | 'organizations.team_changed';

/** Members of the organization hear of its teams. The name and description of a team are erased with it. */
export function teamTold(type: TeamEvent, team: Pick<TeamRow, 'id' | 'name' | 'description'>, changes?: EventDraft['changes']): EventDraft {
  const { id, name, description } = team;
  return {
    type,
    subject: { kind: 'team', id },
    audience: 'organization',
    data: { teamId: id },
    text: { name, description },
    ...(changes ? { changes } : {}),
  };
}

export function teamDeleted(id: string): EventDraft {
  return { type: 'organizations.team_deleted', subject: { kind: 'team', id }, audience: 'organization', data: { teamId: id } };
}

export function teamMemberTold(
  type: 'organizations.team_member_added' | 'organizations.team_member_changed',
  teamId: string,
  member: Pick<TeamMember, 'userId' | 'role'>,
  before: TeamRole | null,
): EventDraft {
  return {
    type,
    subject: { kind: 'team', id: teamId },
    audience: 'organization',
    data: { teamId, userId: member.userId, role: member.role },
    changes: { role: [before, member.role] },
  };
}

export function teamMemberRemoved(teamId: string, userId: UserId, role: TeamRole): EventDraft {
  return {
    type: 'organizations.team_member_removed',
    subject: { kind: 'team', id: teamId },
    audience: 'organization',
    data: { teamId, userId },
    changes: { role: [role, null] },
  };
}
