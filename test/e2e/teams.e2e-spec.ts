import { randomUUID } from 'node:crypto';
import type { Page, Team, TeamMember } from '@atrium/contracts';
import { newColleague, newOrganization } from '../lib/api.js';

async function ground() {
  const owner = await newOrganization();
  const [lead, member, outsider, guest] = await Promise.all([
    newColleague(owner, 'member'),
    newColleague(owner, 'member'),
    newColleague(owner, 'member'),
    newColleague(owner, 'guest'),
  ]);
  const team = await owner.api.post<Team>('/v1/teams', { name: 'Support', description: 'Answers customers.' });
  await owner.api.post(`/v1/teams/${team.id}/members`, { userId: lead.user.id, role: 'lead' });
  return { owner, lead, member, outsider, guest, team };
}

describe('teams', () => {
  it('are made by administrators and led by their leads', async () => {
    const { lead, member, outsider, guest, team } = await ground();

    const added = await lead.api.post<TeamMember>(`/v1/teams/${team.id}/members`, { userId: member.user.id });
    await lead.api.post(`/v1/teams/${team.id}/members`, { userId: guest.user.id });
    await lead.api.patch(`/v1/teams/${team.id}`, { description: 'Answers everybody.' });

    expect(added).toMatchObject({ userId: member.user.id, role: 'member' });
    expect(await member.api.get<Team>(`/v1/teams/${team.id}`)).toMatchObject({
      description: 'Answers everybody.',
      memberCount: 3,
      role: 'member',
    });
    expect(await outsider.api.get<Team>(`/v1/teams/${team.id}`)).toMatchObject({ role: null });
    for (const person of [member, outsider]) {
      const code = { code: 'organizations.not_a_lead' };
      const body = { userId: outsider.user.id };
      expect(await person.api.refused(403, 'POST', `/v1/teams/${team.id}/members`, { body })).toMatchObject(code);
      expect(await person.api.refused(403, 'PATCH', `/v1/teams/${team.id}`, { body: { name: 'Mine' } })).toMatchObject(code);
      expect(await person.api.refused(403, 'DELETE', `/v1/teams/${team.id}/members/${lead.user.id}`)).toMatchObject(code);
      await person.api.refused(403, 'POST', '/v1/teams', { body: { name: 'Another' } });
    }
    await guest.api.refused(403, 'GET', '/v1/teams');
  });

  it('let their members leave, and lose who leaves the organization', async () => {
    const { owner, lead, member, team } = await ground();
    await lead.api.post(`/v1/teams/${team.id}/members`, { userId: member.user.id });

    await member.api.delete(`/v1/teams/${team.id}/members/${member.user.id}`);
    await owner.api.delete(`/v1/members/${lead.user.id}`);

    const { data } = await owner.api.get<Page<TeamMember>>(`/v1/teams/${team.id}/members`);
    expect(data).toEqual([]);
  });

  it('keep a name for one team, a person for one place in it, and a version for one change', async () => {
    const { owner, lead, team } = await ground();

    const taken = await owner.api.refused(409, 'POST', '/v1/teams', { body: { name: 'SUPPORT' } });
    const twice = await owner.api.refused(409, 'POST', `/v1/teams/${team.id}/members`, { body: { userId: lead.user.id } });
    const unknown = await owner.api.refused(404, 'POST', `/v1/teams/${team.id}/members`, { body: { userId: randomUUID() } });
    const old = { headers: { 'if-match': '"0"' }, body: { name: 'Care' } };
    const outdated = await owner.api.refused(412, 'PATCH', `/v1/teams/${team.id}`, old);

    expect(taken.code).toBe('organizations.team_name_taken');
    expect(twice.code).toBe('organizations.already_in_team');
    expect(unknown.code).toBe('organizations.member_not_found');
    expect(outdated.code).toBe('request.precondition_failed');
  });

  it('are nothing to a stranger', async () => {
    const { lead, team } = await ground();
    const stranger = await newOrganization();

    expect((await stranger.api.get<Page<Team>>('/v1/teams')).data).toEqual([]);
    await stranger.api.refused(404, 'GET', `/v1/teams/${team.id}`);
    await stranger.api.refused(404, 'POST', `/v1/teams/${team.id}/members`, { body: { userId: stranger.user.id } });
    const own = await stranger.api.post<Team>('/v1/teams', { name: 'Support' });
    await stranger.api.refused(404, 'POST', `/v1/teams/${own.id}/members`, { body: { userId: lead.user.id } });
  });
});
