import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { SearchQuery, SearchRequest, SearchResult, SearchStatus } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { SearchQueries } from './search.queries.js';

@Controller('v1/search')
export class SearchController {
  constructor(private readonly queries: SearchQueries) {}

  @Post()
  @Requires('search:read')
  @Answers('Search messages, documents and memories', SearchResult)
  search(@Ctx() ctx: OrgContext, @Body({ schema: SearchRequest }) body: SearchRequest): Promise<SearchResult> {
    return this.queries.find(ctx, body);
  }

  @Get()
  @Requires('search:read')
  @Answers('Search messages, documents and memories by a word or two', SearchResult)
  find(@Ctx() ctx: OrgContext, @Query({ schema: SearchQuery }) query: SearchQuery): Promise<SearchResult> {
    return this.queries.find(ctx, { query: query.q, limit: query.limit });
  }

  @Get('status')
  @Requires('search:read')
  @Answers('How far search by meaning is', SearchStatus)
  status(@Ctx() ctx: OrgContext): Promise<SearchStatus> {
    return this.queries.status(ctx);
  }
}
