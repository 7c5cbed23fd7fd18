import { Body, Controller, Delete, Get, Param, Patch, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Member, MemberPage, PageQuery, PatchMember, UserId } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { MembersQueries } from './members.queries.js';
import { MembersService } from './members.service.js';

@ApiTags('organizations')
@Controller('v1/members')
export class MembersController {
  constructor(
    private readonly members: MembersService,
    private readonly queries: MembersQueries,
  ) {}

  @Get()
  @Requires('members:read')
  @Answers('The members of the organization', MemberPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Get(':userId')
  @Requires('members:read')
  @Answers('A member', Member)
  get(@Ctx() ctx: OrgContext, @Param('userId', { schema: UserId }) userId: UserId) {
    return this.queries.get(ctx, userId);
  }

  @Patch(':userId')
  @Requires('members:manage')
  @Answers('Change the role of a member, suspend them or lift that', Member)
  patch(@Ctx() ctx: OrgContext, @Param('userId', { schema: UserId }) userId: UserId, @Body({ schema: PatchMember }) body: PatchMember) {
    return this.members.change(ctx, userId, body);
  }

  /** Everybody may leave; for others it takes members:manage. */
  @Delete(':userId')
  @Requires('account:write')
  @Answers('Remove a member, or leave', null)
  remove(@Ctx() ctx: OrgContext, @Param('userId', { schema: UserId }) userId: UserId) {
    return this.members.remove(ctx, userId);
  }
}
