import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  CreateHttpTool,
  HttpTool,
  HttpToolId,
  HttpToolPage,
  HttpToolTest,
  PageQuery,
  PatchHttpTool,
  TestHttpTool,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { HttpToolsQueries } from './http-tools.queries.js';
import { HttpToolsService } from './http-tools.service.js';

@Controller('v1/http-tools')
export class HttpToolsController {
  constructor(
    private readonly tools: HttpToolsService,
    private readonly queries: HttpToolsQueries,
  ) {}

  @Get()
  @Requires('http-tools:manage')
  @Answers('The HTTP tools of the organization, by name', HttpToolPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('http-tools:manage')
  @Answers('Defines a tool that calls an address of another system', HttpTool, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateHttpTool }) body: CreateHttpTool) {
    return this.tools.create(ctx, body);
  }

  @Get(':id')
  @Requires('http-tools:manage')
  @Answers('One HTTP tool', HttpTool)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: HttpToolId }) id: HttpToolId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('http-tools:manage')
  @Answers('Changes what it calls, its credential or its effect, or turns it off and on', HttpTool)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: HttpToolId }) id: HttpToolId,
    @Body({ schema: PatchHttpTool }) body: PatchHttpTool,
  ) {
    return this.tools.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('http-tools:manage')
  @Answers('Removes an HTTP tool', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: HttpToolId }) id: HttpToolId) {
    return this.tools.remove(ctx, id);
  }

  @Post(':id/test')
  @Requires('http-tools:manage')
  @Answers('Makes a real call and tells what the system answered', HttpToolTest)
  test(@Ctx() ctx: OrgContext, @Param('id', { schema: HttpToolId }) id: HttpToolId, @Body({ schema: TestHttpTool }) body: TestHttpTool) {
    return this.tools.test(ctx, id, body);
  }
}
