import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  CreateMcpServer,
  McpServer,
  McpServerId,
  McpServerPage,
  McpServerTool,
  McpServerToolId,
  McpServerToolPage,
  PageQuery,
  PatchMcpServer,
  ReviewMcpServerTool,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { McpServersQueries } from './mcp-servers.queries.js';
import { McpServersService } from './mcp-servers.service.js';

@Controller('v1/mcp-servers')
export class McpServersController {
  constructor(
    private readonly servers: McpServersService,
    private readonly queries: McpServersQueries,
  ) {}

  @Get()
  @Requires('mcp-servers:manage')
  @Answers('The MCP servers of the organization, by name', McpServerPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('mcp-servers:manage')
  @Answers('Registers an MCP server; ask it for its tools with refresh', McpServer, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateMcpServer }) body: CreateMcpServer) {
    return this.servers.create(ctx, body);
  }

  @Get(':id')
  @Requires('mcp-servers:manage')
  @Answers('One MCP server', McpServer)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: McpServerId }) id: McpServerId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('mcp-servers:manage')
  @Answers('Changes its address or credential, or turns it off and on', McpServer)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: McpServerId }) id: McpServerId,
    @Body({ schema: PatchMcpServer }) body: PatchMcpServer,
  ) {
    return this.servers.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('mcp-servers:manage')
  @Answers('Removes an MCP server and its tools', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: McpServerId }) id: McpServerId) {
    return this.servers.remove(ctx, id);
  }

  @Post(':id/refresh')
  @Requires('mcp-servers:manage')
  @Answers('Asks the server for its tools; new and changed ones wait for a review', McpServer)
  refresh(@Ctx() ctx: OrgContext, @Param('id', { schema: McpServerId }) id: McpServerId) {
    return this.servers.refresh(ctx, id);
  }

  @Get(':id/tools')
  @Requires('mcp-servers:manage')
  @Answers('The tools of a server as they were last found, by name', McpServerToolPage)
  listTools(@Ctx() ctx: OrgContext, @Param('id', { schema: McpServerId }) id: McpServerId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.toolsOf(ctx, id, query);
  }

  @Patch(':id/tools/:toolId')
  @Requires('mcp-servers:manage')
  @Answers('Allows a tool as it was reviewed, or blocks it', McpServerTool)
  review(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: McpServerId }) id: McpServerId,
    @Param('toolId', { schema: McpServerToolId }) toolId: McpServerToolId,
    @Body({ schema: ReviewMcpServerTool }) body: ReviewMcpServerTool,
  ) {
    return this.servers.review(ctx, id, toolId, body);
  }
}
