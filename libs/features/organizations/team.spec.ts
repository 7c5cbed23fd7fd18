import { ROLE_PERMISSIONS, type Role, type UserId } from '@atrium/contracts';
import type { OrgContext } from '@atrium/platform/tenancy';
import { assertLeads, assertMayRemove, assertRoomForTeam, assertRoomInTeam, MAX_TEAM_MEMBERS, MAX_TEAMS } from './team.js';

const ben = '00000000-0000-7000-8000-00000000000b' as UserId;
const ada = '00000000-0000-7000-8000-00000000000a' as UserId;
const contextOf = (role: Role) =>
  ({ principal: { kind: 'user', id: ben, role, onBehalfOf: null }, permissions: new Set(ROLE_PERMISSIONS[role]) }) as unknown as OrgContext;

describe('the rules of teams', () => {
  it('let leads and administrators change a team, and nobody else', () => {
    expect(() => assertLeads(contextOf('member'), { role: 'lead' })).not.toThrow();
    expect(() => assertLeads(contextOf('admin'), { role: null })).not.toThrow();
    expect(() => assertLeads(contextOf('member'), { role: 'member' })).toThrow(
      expect.objectContaining({ code: 'organizations.not_a_lead' }),
    );
    expect(() => assertLeads(contextOf('member'), { role: null })).toThrow(expect.objectContaining({ code: 'organizations.not_a_lead' }));
  });

  it('let everybody leave, and only leads remove others', () => {
    expect(() => assertMayRemove(contextOf('member'), { role: 'member' }, ben)).not.toThrow();
    expect(() => assertMayRemove(contextOf('member'), { role: 'member' }, ada)).toThrow(
      expect.objectContaining({ code: 'organizations.not_a_lead' }),
    );
  });

  it('bound how many there are', () => {
    expect(() => assertRoomForTeam(MAX_TEAMS - 1)).not.toThrow();
    expect(() => assertRoomForTeam(MAX_TEAMS)).toThrow(expect.objectContaining({ code: 'organizations.limit_reached' }));
    expect(() => assertRoomInTeam({ memberCount: MAX_TEAM_MEMBERS })).toThrow(
      expect.objectContaining({ code: 'organizations.limit_reached' }),
    );
  });
});
