import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { AgentRun, AgentRunId, AgentRunPage, AgentRunsQuery, ReconcileAgentRun } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { AgentRunsQueries } from './runs.queries.js';
import { AgentRunsService } from './runs.service.js';

@Controller('v1/agent-runs')
export class AgentRunsController {
  constructor(
    private readonly runs: AgentRunsService,
    private readonly queries: AgentRunsQueries,
  ) {}

  @Get()
  @Requires('agents:run')
  @Answers('My runs of agents, newest first; administrators see all', AgentRunPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: AgentRunsQuery }) query: AgentRunsQuery) {
    return this.queries.list(ctx, query);
  }

  @Get(':id')
  @Requires('agents:run')
  @Answers('One run with what it did', AgentRun)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentRunId }) id: AgentRunId) {
    return this.queries.get(ctx, id);
  }

  @Post(':id/cancel')
  @Requires('agents:run')
  @Answers('Ends a run where it is', AgentRun)
  cancel(@Ctx() ctx: OrgContext, @Param('id', { schema: AgentRunId }) id: AgentRunId) {
    return this.runs.cancel(ctx, id);
  }

  @Post(':id/reconcile')
  @Requires('agents:run')
  @Answers('Says what became of a call of unknown outcome', AgentRun)
  reconcile(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: AgentRunId }) id: AgentRunId,
    @Body({ schema: ReconcileAgentRun }) body: ReconcileAgentRun,
  ) {
    return this.runs.reconcile(ctx, id, body);
  }
}
