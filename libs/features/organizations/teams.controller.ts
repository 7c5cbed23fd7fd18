import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  AddTeamMember,
  CreateTeam,
  PageQuery,
  PatchTeam,
  PatchTeamMember,
  Team,
  TeamId,
  TeamMember,
  TeamMemberPage,
  TeamPage,
  UserId,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { TeamsQueries } from './teams.queries.js';
import { TeamsService } from './teams.service.js';

@ApiTags('organizations')
@Controller('v1/teams')
export class TeamsController {
  constructor(
    private readonly teams: TeamsService,
    private readonly queries: TeamsQueries,
  ) {}

  @Get()
  @Requires('teams:read')
  @Answers('The teams of the organization, oldest first', TeamPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('teams:manage')
  @Answers('Makes a team', Team, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateTeam }) body: CreateTeam) {
    return this.teams.create(ctx, body);
  }

  @Get(':id')
  @Requires('teams:read')
  @Answers('One team', Team)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: TeamId }) id: TeamId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('teams:write')
  @Answers('Renames or describes a team', Team)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: TeamId }) id: TeamId, @Body({ schema: PatchTeam }) body: PatchTeam) {
    return this.teams.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('teams:manage')
  @Answers('Removes a team; what was shared with it is shared with nobody by it', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: TeamId }) id: TeamId) {
    return this.teams.remove(ctx, id);
  }

  @Get(':id/members')
  @Requires('teams:read')
  @Answers('The members of a team', TeamMemberPage)
  listMembers(@Ctx() ctx: OrgContext, @Param('id', { schema: TeamId }) id: TeamId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.listMembers(ctx, id, query);
  }

  @Post(':id/members')
  @Requires('teams:write')
  @Answers('Adds a person to a team', TeamMember, 201)
  addMember(@Ctx() ctx: OrgContext, @Param('id', { schema: TeamId }) id: TeamId, @Body({ schema: AddTeamMember }) body: AddTeamMember) {
    return this.teams.addMember(ctx, id, body);
  }

  @Patch(':id/members/:userId')
  @Requires('teams:write')
  @Answers('Makes a person a lead or a member of a team', TeamMember)
  changeMember(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: TeamId }) id: TeamId,
    @Param('userId', { schema: UserId }) userId: UserId,
    @Body({ schema: PatchTeamMember }) body: PatchTeamMember,
  ) {
    return this.teams.changeMember(ctx, id, userId, body);
  }

  @Delete(':id/members/:userId')
  @Requires('teams:write')
  @Answers('Takes a person out of a team; with my own id I leave', null)
  removeMember(@Ctx() ctx: OrgContext, @Param('id', { schema: TeamId }) id: TeamId, @Param('userId', { schema: UserId }) userId: UserId) {
    return this.teams.removeMember(ctx, id, userId);
  }
}
