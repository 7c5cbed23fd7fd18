import { Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { EventsPage, EventsQuery, EventsTicket } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { type AtriumRequest, Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { EventSource } from './event-source.service.js';
import { Tickets } from './tickets.js';

@Controller('v1/events')
export class EventsController {
  constructor(
    private readonly source: EventSource,
    private readonly tickets: Tickets,
  ) {}

  @Get()
  @Requires('events:read')
  @Answers('Events as a stream (Accept: text/event-stream, Last-Event-ID) or page by page', EventsPage)
  read(
    @Ctx() ctx: OrgContext,
    @Query({ schema: EventsQuery }) query: EventsQuery,
    @Req() request: AtriumRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.source.answer(ctx, query, request, reply);
  }

  @Post('ticket')
  @Requires('events:read')
  @Answers('Make a one-use ticket for an EventSource, valid for 30 seconds', EventsTicket, 201)
  ticket(@Ctx() ctx: OrgContext, @Req() request: AtriumRequest) {
    return this.tickets.issue(ctx, (request.headers.authorization ?? '').split(' ')[1] ?? '');
  }
}
