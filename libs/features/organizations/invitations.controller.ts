import { Body, Controller, Delete, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AcceptInvitation,
  CreatedInvitation,
  CreateInvitation,
  InvitationId,
  InvitationPage,
  PageQuery,
  SignedIn,
} from '@atrium/contracts';
import { Answers, SmallBody } from '@atrium/platform/http';
import { type Caller, Ctx, From, type OrgContext, Public, Requires } from '@atrium/platform/tenancy';
import { InvitationsService } from './invitations.service.js';
import { RefreshCookie } from './refresh-cookie.js';

@ApiTags('organizations')
@Controller('v1/invitations')
export class InvitationsController {
  constructor(
    private readonly invitations: InvitationsService,
    private readonly cookie: RefreshCookie,
  ) {}

  @Get()
  @Requires('invitations:manage')
  @Answers('The invitations of the organization', InvitationPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.invitations.list(ctx, query);
  }

  @Post()
  @Requires('invitations:manage')
  @Answers('Invite a person; the answer has the link, this once', CreatedInvitation, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateInvitation }) body: CreateInvitation) {
    return this.invitations.create(ctx, body);
  }

  @Delete(':id')
  @Requires('invitations:manage')
  @Answers('Withdraw an invitation', null)
  withdraw(@Ctx() ctx: OrgContext, @Param('id', { schema: InvitationId }) id: InvitationId) {
    return this.invitations.withdraw(ctx, id);
  }

  @Post('accept')
  @Public()
  @SmallBody()
  @Answers('Accept an invitation, and sign in', SignedIn, 201)
  async accept(
    @From() from: Caller,
    @Body({ schema: AcceptInvitation }) body: AcceptInvitation,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.cookie.signedIn(reply, await this.invitations.accept(from, body));
  }
}
