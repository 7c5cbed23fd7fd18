import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import {
  AddChannelMember,
  Channel,
  ChannelId,
  ChannelMember,
  ChannelMemberPage,
  ChannelMemberQuery,
  ChannelPage,
  CreateChannel,
  PageQuery,
  PatchChannel,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ChannelsQueries } from './channels.queries.js';
import { ChannelsService } from './channels.service.js';

@Controller('v1/channels')
export class ChannelsController {
  constructor(
    private readonly channels: ChannelsService,
    private readonly queries: ChannelsQueries,
  ) {}

  @Get()
  @Requires('channels:read')
  @Answers('The channels that I may read, oldest first', ChannelPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('channels:create')
  @Answers('Makes a channel whose admin I am', Channel, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateChannel }) body: CreateChannel) {
    return this.channels.create(ctx, body);
  }

  @Get(':id')
  @Requires('channels:read')
  @Answers('One channel', Channel)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('channels:create')
  @Answers('Renames, describes, archives or opens a channel again', Channel)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId, @Body({ schema: PatchChannel }) body: PatchChannel) {
    return this.channels.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('channels:create')
  @Answers('Removes a channel with all its messages', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId) {
    return this.channels.remove(ctx, id);
  }

  @Get(':id/members')
  @Requires('channels:read')
  @Answers('The members of a channel', ChannelMemberPage)
  listMembers(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.listMembers(ctx, id, query);
  }

  @Post(':id/members')
  @Requires('channels:create')
  @Answers('Adds a member; with my own id I join a public channel', ChannelMember, 201)
  addMember(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ChannelId }) id: ChannelId,
    @Body({ schema: AddChannelMember }) body: AddChannelMember,
  ) {
    return this.channels.addMember(ctx, id, body);
  }

  @Delete(':id/members/:memberId')
  @Requires('messages:write')
  @Answers('Removes a member; with my own id I leave', null)
  removeMember(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ChannelId }) id: ChannelId,
    @Param('memberId', { schema: z.uuid() }) memberId: string,
    @Query({ schema: ChannelMemberQuery }) { kind }: ChannelMemberQuery,
  ) {
    return this.channels.removeMember(ctx, id, { kind, id: memberId });
  }
}
