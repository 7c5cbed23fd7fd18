import { Controller, Get, Query } from '@nestjs/common';
import { type Page, PageQuery, type Tool, ToolPage } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ToolsQueries } from './tools.queries.js';

@Controller('v1/tools')
export class ToolsController {
  constructor(private readonly queries: ToolsQueries) {}

  @Get()
  @Requires('agents:read')
  @Answers('List the tools that the caller, and agents on their behalf, may use', ToolPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery): Promise<Page<Tool>> {
    return this.queries.list(ctx, query);
  }
}
