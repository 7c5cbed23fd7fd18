import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { RetryRun, SignalRun, WorkflowRun, WorkflowRunId, WorkflowRunPage, WorkflowRunsQuery } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { RunsQueries } from './runs.queries.js';
import { RunsService } from './runs.service.js';

@Controller('v1/workflow-runs')
export class WorkflowRunsController {
  constructor(
    private readonly runs: RunsService,
    private readonly queries: RunsQueries,
  ) {}

  @Get()
  @Requires('workflows:read')
  @Answers('The runs of the organization, newest first', WorkflowRunPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: WorkflowRunsQuery }) query: WorkflowRunsQuery) {
    return this.queries.list(ctx, query);
  }

  @Get(':id')
  @Requires('workflows:read')
  @Answers('One run with its steps', WorkflowRun)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowRunId }) id: WorkflowRunId) {
    return this.queries.get(ctx, id);
  }

  @Post(':id/cancel')
  @Requires('workflows:run')
  @Answers('Ends a run where it is', WorkflowRun)
  cancel(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowRunId }) id: WorkflowRunId) {
    return this.runs.cancel(ctx, id);
  }

  @Post(':id/retry')
  @Requires('workflows:run')
  @Answers('Lets a failed run go on from what failed', WorkflowRun, 202)
  retry(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowRunId }) id: WorkflowRunId, @Body({ schema: RetryRun }) body: RetryRun) {
    return this.runs.retry(ctx, id, body);
  }

  @Post(':id/signal')
  @Requires('workflows:run')
  @Answers('Ends a wait of a run before its time', WorkflowRun, 202)
  signal(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowRunId }) id: WorkflowRunId, @Body({ schema: SignalRun }) body: SignalRun) {
    return this.runs.signal(ctx, id, body);
  }
}
