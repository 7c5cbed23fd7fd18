import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ChannelId,
  EditMessage,
  Message,
  MessageId,
  MessagePage,
  MessageRevisionPage,
  MessagesQuery,
  PageQuery,
  PostMessage,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { MessagesQueries } from './messages.queries.js';
import { MessagesService } from './messages.service.js';

@Controller('v1')
export class MessagesController {
  constructor(
    private readonly messages: MessagesService,
    private readonly queries: MessagesQueries,
  ) {}

  @Get('channels/:id/messages')
  @Requires('channels:read')
  @Answers('What was said in a channel, replies too, newest first', MessagePage)
  list(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId, @Query({ schema: MessagesQuery }) query: MessagesQuery) {
    return this.queries.list(ctx, id, query);
  }

  @Post('channels/:id/messages')
  @Requires('messages:write')
  @Answers('Posts a message', Message, 201)
  post(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId, @Body({ schema: PostMessage }) body: PostMessage) {
    return this.messages.post(ctx, id, body);
  }

  @Get('messages/:id')
  @Requires('channels:read')
  @Answers('One message', Message)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: MessageId }) id: MessageId) {
    return this.queries.get(ctx, id);
  }

  @Patch('messages/:id')
  @Requires('messages:write')
  @Answers('Changes the text of a message', Message)
  edit(@Ctx() ctx: OrgContext, @Param('id', { schema: MessageId }) id: MessageId, @Body({ schema: EditMessage }) body: EditMessage) {
    return this.messages.edit(ctx, id, body);
  }

  @Delete('messages/:id')
  @Requires('messages:write')
  @Answers('Takes the text of a message away', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: MessageId }) id: MessageId) {
    return this.messages.remove(ctx, id);
  }

  @Get('messages/:id/thread')
  @Requires('channels:read')
  @Answers('The replies of a thread, newest first', MessagePage)
  thread(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: MessageId }) id: MessageId,
    @Query({ schema: MessagesQuery }) query: MessagesQuery,
  ) {
    return this.queries.thread(ctx, id, query);
  }

  @Get('messages/:id/revisions')
  @Requires('channels:read')
  @Answers('The texts that edits replaced, newest first', MessageRevisionPage)
  revisions(@Ctx() ctx: OrgContext, @Param('id', { schema: MessageId }) id: MessageId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.revisions(ctx, id, query);
  }
}
