import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Login, Refresh, Register, SignedIn, SwitchOrganization, TokenPair } from '@atrium/contracts';
import { Answers, SmallBody } from '@atrium/platform/http';
import { type Caller, Ctx, From, type OrgContext, Public, Requires } from '@atrium/platform/tenancy';
import { AccountsService } from './accounts.service.js';
import { RefreshCookie } from './refresh-cookie.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('auth')
@Controller('v1/auth')
export class AuthController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly sessions: SessionsService,
    private readonly cookie: RefreshCookie,
  ) {}

  @Post('register')
  @Public()
  @SmallBody()
  @Answers('Create an account and an organization, and sign in', SignedIn, 201)
  async register(@From() from: Caller, @Body({ schema: Register }) body: Register, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.cookie.signedIn(reply, await this.accounts.register(from, body));
  }

  @Post('login')
  @Public()
  @SmallBody()
  @Answers('Sign in', SignedIn)
  async login(@From() from: Caller, @Body({ schema: Login }) body: Login, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.cookie.signedIn(reply, await this.accounts.login(from, body));
  }

  @Post('refresh')
  @Public()
  @SmallBody()
  @Answers('Exchange a refresh token for new tokens', TokenPair)
  async refresh(
    @From() from: Caller,
    @Body({ schema: Refresh.nullish() }) body: Refresh | null | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.cookie.pair(reply, await this.sessions.refresh(from, this.cookie.tokenOf(request, body)));
  }

  @Post('logout')
  @Requires('account:write')
  @Answers('End this session', null)
  async logout(@Ctx() ctx: OrgContext, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    this.cookie.clear(request, reply);
    await this.sessions.logout(ctx);
  }

  @Post('logout-all')
  @Requires('account:write')
  @Answers('End all my sessions, in every organization', null)
  async logoutAll(@Ctx() ctx: OrgContext, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    this.cookie.clear(request, reply);
    await this.sessions.logoutAll(ctx);
  }

  @Post('switch')
  @Requires('account:read')
  @Answers('Open a session in another of my organizations', SignedIn)
  async switch(
    @Ctx() ctx: OrgContext,
    @Body({ schema: SwitchOrganization }) body: SwitchOrganization,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.cookie.signedIn(reply, await this.sessions.switch(ctx, body));
  }
}
