import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  AddWorkflowVersion,
  CreateWorkflow,
  PageQuery,
  PatchWorkflow,
  StartRun,
  Workflow,
  WorkflowFailures,
  WorkflowId,
  WorkflowPage,
  WorkflowRun,
  WorkflowVersion,
  WorkflowVersionNumber,
  WorkflowVersionPage,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { RunsService } from './runs.service.js';
import { WorkflowsQueries } from './workflows.queries.js';
import { WorkflowsService } from './workflows.service.js';

@Controller('v1/workflows')
export class WorkflowsController {
  constructor(
    private readonly workflows: WorkflowsService,
    private readonly queries: WorkflowsQueries,
    private readonly runs: RunsService,
  ) {}

  @Get()
  @Requires('workflows:read')
  @Answers('The workflows of the organization, newest first', WorkflowPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('workflows:write')
  @Answers('Publishes a workflow', Workflow, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateWorkflow }) body: CreateWorkflow) {
    return this.workflows.create(ctx, body);
  }

  @Get(':id')
  @Requires('workflows:read')
  @Answers('One workflow with its newest definition', Workflow)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowId }) id: WorkflowId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('workflows:write')
  @Answers('Renames a workflow, or publishes its next version', Workflow)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: WorkflowId }) id: WorkflowId,
    @Body({ schema: PatchWorkflow }) body: PatchWorkflow,
  ) {
    return this.workflows.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('workflows:write')
  @Answers('Removes a workflow with its versions, schedules and runs', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowId }) id: WorkflowId) {
    return this.workflows.remove(ctx, id);
  }

  @Get(':id/versions')
  @Requires('workflows:read')
  @Answers('The versions of a workflow, newest first', WorkflowVersionPage)
  listVersions(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: WorkflowId }) id: WorkflowId,
    @Query({ schema: PageQuery }) query: PageQuery,
  ) {
    return this.queries.versions(ctx, id, query);
  }

  @Post(':id/versions')
  @Requires('workflows:write')
  @Answers('Publishes the next version', Workflow, 201)
  addVersion(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: WorkflowId }) id: WorkflowId,
    @Body({ schema: AddWorkflowVersion }) body: AddWorkflowVersion,
  ) {
    return this.workflows.change(ctx, id, body);
  }

  @Get(':id/versions/:number')
  @Requires('workflows:read')
  @Answers('One version of a workflow', WorkflowVersion)
  getVersion(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: WorkflowId }) id: WorkflowId,
    @Param('number', { schema: WorkflowVersionNumber }) number: number,
  ) {
    return this.queries.version(ctx, id, number);
  }

  @Get(':id/failures')
  @Requires('workflows:read')
  @Answers('Where and how the runs of a workflow failed', WorkflowFailures)
  failures(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowId }) id: WorkflowId) {
    return this.queries.failures(ctx, id);
  }

  @Post(':id/runs')
  @Requires('workflows:run')
  @Answers('Starts a run; it goes on by itself', WorkflowRun, 202)
  start(@Ctx() ctx: OrgContext, @Param('id', { schema: WorkflowId }) id: WorkflowId, @Body({ schema: StartRun }) body: StartRun) {
    return this.runs.start(ctx, id, body);
  }
}
