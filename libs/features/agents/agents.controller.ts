import { Controller, Get, Param, Query } from '@nestjs/common';
import { Agent, AgentId, AgentPage, type Page, PageQuery } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { AgentsQueries } from './agents.queries.js';

@Controller('v1/agents')
export class AgentsController {
  constructor(private readonly queries: AgentsQueries) {}

  @Get()
  @Requires('agents:read')
  @Answers('List the agents of the organization', AgentPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery): Promise<Page<Agent>> {
    return this.queries.list(ctx, query);
  }

  @Get(':id')
  @Requires('agents:read')
  @Answers('Read an agent', Agent)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId): Promise<Agent> {
    return this.queries.get(ctx, id);
  }
}
