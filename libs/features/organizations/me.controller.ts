import { Body, Controller, Delete, Get, Param, Patch, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ChangePassword, Me, PageQuery, PatchMe, SessionId, SessionPage, User } from '@atrium/contracts';
import { Answers, SmallBody } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { AccountsService } from './accounts.service.js';
import { OrganizationsQueries } from './organizations.queries.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('auth')
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly sessions: SessionsService,
    private readonly queries: OrganizationsQueries,
  ) {}

  @Get()
  @Requires('account:read')
  @Answers('Who I am, where, and what I may do', Me)
  me(@Ctx() ctx: OrgContext) {
    return this.queries.me(ctx);
  }

  @Patch()
  @Requires('account:write')
  @Answers('Change my display name', User)
  patch(@Ctx() ctx: OrgContext, @Body({ schema: PatchMe }) body: PatchMe) {
    return this.accounts.patchMe(ctx, body);
  }

  @Put('password')
  @Requires('account:write')
  @SmallBody()
  @Answers('Change my password; ends my other sessions', null)
  changePassword(@Ctx() ctx: OrgContext, @Body({ schema: ChangePassword }) body: ChangePassword) {
    return this.accounts.changePassword(ctx, body);
  }

  @Get('sessions')
  @Requires('account:read')
  @Answers('My open sessions', SessionPage)
  listSessions(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.sessions(ctx, query);
  }

  @Delete('sessions/:id')
  @Requires('account:write')
  @Answers('End one of my sessions', null)
  endSession(@Ctx() ctx: OrgContext, @Param('id', { schema: SessionId }) id: SessionId) {
    return this.sessions.endOne(ctx, id);
  }
}
