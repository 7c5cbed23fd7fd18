import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { ChannelId, MarkRead, PageQuery, Unread, UnreadPage } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ChannelsQueries } from './channels.queries.js';
import { ReadingService } from './reading.service.js';

/** What was read and what was not. */
@Controller('v1')
export class ReadingController {
  constructor(
    private readonly reading: ReadingService,
    private readonly queries: ChannelsQueries,
  ) {}

  @Put('channels/:id/read')
  @Requires('channels:read')
  @Answers('Moves my read marker on to a seq', Unread)
  markRead(@Ctx() ctx: OrgContext, @Param('id', { schema: ChannelId }) id: ChannelId, @Body({ schema: MarkRead }) body: MarkRead) {
    return this.reading.markRead(ctx, id, body.seq);
  }

  @Get('unread')
  @Requires('channels:read')
  @Answers('What I have not read, by channel that I am a member of', UnreadPage)
  unread(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.unread(ctx, query);
  }
}
