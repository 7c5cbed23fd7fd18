import { Module } from '@nestjs/common';
import { AgentsModule } from '@atrium/features/agents';
import { ChatModule } from '@atrium/features/chat';
import { OrganizationsModule } from '@atrium/features/organizations';
import { DefinitionChecks } from './definition-checks.js';
import { Expressions } from './expressions/expressions.js';
import { RunActor } from './run-actor.js';
import { RunExecutor } from './run-executor.js';
import { RunPruning } from './run-pruning.js';
import { RunStarts } from './run-starts.js';
import { RunSweep } from './run-sweep.js';
import { RunTriggers } from './run-triggers.js';
import { RunRepository } from './run.repository.js';
import { WorkflowRunsController } from './runs.controller.js';
import { RunsQueries } from './runs.queries.js';
import { RunsService } from './runs.service.js';
import { ScheduleRepository } from './schedule.repository.js';
import { SchedulesController } from './schedules.controller.js';
import { SchedulesService } from './schedules.service.js';
import { StepRunners } from './step-runners.js';
import { TaskCommentRepository } from './task-comment.repository.js';
import { TaskCommentsService } from './task-comments.service.js';
import { TaskRepository } from './task.repository.js';
import { TaskTools } from './task.tools.js';
import { TasksController } from './tasks.controller.js';
import { TasksQueries } from './tasks.queries.js';
import { TasksService } from './tasks.service.js';
import { WorkflowRepository } from './workflow.repository.js';
import { WorkflowTools } from './workflow.tools.js';
import { WorkflowsController } from './workflows.controller.js';
import { WorkflowsQueries } from './workflows.queries.js';
import { WorkflowsService } from './workflows.service.js';

/** Tasks and workflows. */
@Module({
  imports: [AgentsModule, ChatModule, OrganizationsModule],
  controllers: [TasksController, WorkflowsController, WorkflowRunsController, SchedulesController],
  providers: [
    TaskRepository,
    TaskCommentRepository,
    TasksService,
    TaskCommentsService,
    TasksQueries,
    TaskTools,
    Expressions,
    WorkflowRepository,
    DefinitionChecks,
    WorkflowsService,
    WorkflowsQueries,
    RunRepository,
    RunActor,
    RunStarts,
    StepRunners,
    RunExecutor,
    RunsService,
    RunsQueries,
    RunTriggers,
    RunSweep,
    RunPruning,
    ScheduleRepository,
    SchedulesService,
    WorkflowTools,
  ],
  exports: [TasksService, TasksQueries, RunsService, WorkflowsQueries],
})
export class WorkflowsModule {}
