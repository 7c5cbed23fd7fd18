import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  Agent,
  AgentFile,
  AgentId,
  AgentImport,
  AgentPage,
  AgentRun,
  AgentsQuery,
  AgentVersion,
  AgentVersionNumber,
  AgentVersionPage,
  CreateAgent,
  PageQuery,
  PatchAgent,
  StartAgentRun,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { AgentsQueries } from './agents.queries.js';
import { AgentsService } from './agents.service.js';
import { AgentRunsService } from './runs.service.js';

@Controller('v1/agents')
export class AgentsController {
  constructor(
    private readonly agents: AgentsService,
    private readonly queries: AgentsQueries,
    private readonly runs: AgentRunsService,
  ) {}

  @Get()
  @Requires('agents:read')
  @Answers('List the agents of the organization', AgentPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: AgentsQuery }) query: AgentsQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('agents:manage')
  @Answers('Make an agent', Agent, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateAgent }) body: CreateAgent) {
    return this.agents.create(ctx, body);
  }

  @Get('export')
  @Requires('agents:manage')
  @Answers('The agents as a file, without the assistant and the retired', AgentFile)
  export(@Ctx() ctx: OrgContext) {
    return this.queries.export(ctx);
  }

  @Post('import')
  @Requires('agents:manage')
  @Answers('Make the agents of a file, and change those that are there; all or none', AgentImport)
  import(@Ctx() ctx: OrgContext, @Body({ schema: AgentFile }) body: AgentFile) {
    return this.agents.import(ctx, body);
  }

  @Get(':id')
  @Requires('agents:read')
  @Answers('Read an agent', Agent)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('agents:manage')
  @Answers('Change an agent, or make its next version', Agent)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId, @Body({ schema: PatchAgent }) body: PatchAgent) {
    return this.agents.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('agents:manage')
  @Answers('Retire an agent for ever', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId) {
    return this.agents.retire(ctx, id);
  }

  @Get(':id/versions')
  @Requires('agents:read')
  @Answers('The versions of an agent, newest first', AgentVersionPage)
  listVersions(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.versions(ctx, id, query);
  }

  @Get(':id/versions/:number')
  @Requires('agents:read')
  @Answers('One version of an agent', AgentVersion)
  getVersion(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: AgentId }) id: AgentId,
    @Param('number', { schema: AgentVersionNumber }) number: number,
  ) {
    return this.queries.version(ctx, id, number);
  }

  @Post(':id/heartbeat')
  @Requires('agents:read')
  @Answers('Tell that an agent lives: with a key that names it, or as an administrator', Agent)
  heartbeat(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId) {
    return this.agents.heartbeat(ctx, id);
  }

  @Post(':id/runs')
  @Requires('agents:run')
  @Answers('Start a run of an agent', AgentRun, 202)
  start(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentId }) id: AgentId, @Body({ schema: StartAgentRun }) body: StartAgentRun) {
    return this.runs.start(ctx, id, body);
  }
}
