import { Module } from '@nestjs/common';
import { ChatModule } from '@atrium/features/chat';
import { ModelsModule } from '@atrium/features/models';
import { OrganizationsModule } from '@atrium/features/organizations';
import { AgentLookup } from './agent-lookup.js';
import { AgentNames } from './agent-names.js';
import { AgentRepository } from './agent.repository.js';
import { AgentTools } from './agent.tools.js';
import { AgentRunner } from './agent-runner.js';
import { AgentsController } from './agents.controller.js';
import { AgentsQueries } from './agents.queries.js';
import { AgentsService } from './agents.service.js';
import { AnswerAudience } from './answer-audience.js';
import { AnswerTurns } from './answer-turns.js';
import { Answerer } from './answerer.js';
import { ApprovalNotices } from './approval-notices.js';
import { ApprovalRepository } from './approval.repository.js';
import { ApprovalTools } from './approval.tools.js';
import { ApprovalsController } from './approvals.controller.js';
import { ApprovalsQueries } from './approvals.queries.js';
import { ApprovalsService } from './approvals.service.js';
import { AssistantService } from './assistant.service.js';
import { EvidenceSearch } from './evidence.js';
import { CompletionsService } from './openai/completions.service.js';
import { EmbeddingsService } from './openai/embeddings.service.js';
import { OpenAiController } from './openai/openai.controller.js';
import { AgentRunActor } from './run-actor.js';
import { AgentRunAnswers } from './run-answers.js';
import { AgentRunExecutor } from './run-executor.js';
import { AgentRunFollower } from './run-follower.js';
import { AgentRunMentions } from './run-mentions.js';
import { AgentRunStarts } from './run-starts.js';
import { AgentRunPruning } from './run-pruning.js';
import { AgentRunSweep } from './run-sweep.js';
import { AgentRunTexts } from './run-text.js';
import { AgentRunTools } from './run-tools.js';
import { AgentRunWakes } from './run-wakes.js';
import { AgentRunRepository } from './run.repository.js';
import { AgentRunsController } from './runs.controller.js';
import { AgentRunsQueries } from './runs.queries.js';
import { AgentRunsService } from './runs.service.js';
import { ThreadHistories } from './thread-history.js';
import { ToolsController } from './tools.controller.js';
import { ToolsQueries } from './tools.queries.js';
import { TurnRepository } from './turn.repository.js';

@Module({
  imports: [ChatModule, OrganizationsModule, ModelsModule],
  controllers: [AgentsController, AgentRunsController, ToolsController, ApprovalsController, OpenAiController],
  providers: [
    AgentRepository,
    TurnRepository,
    AgentLookup,
    AgentNames,
    AgentsQueries,
    AgentsService,
    AgentRunRepository,
    AgentRunActor,
    AgentRunStarts,
    AgentRunTexts,
    AgentRunTools,
    AgentRunExecutor,
    AgentRunsService,
    AgentRunsQueries,
    AgentRunSweep,
    AgentRunPruning,
    AgentRunWakes,
    AgentRunFollower,
    AgentRunMentions,
    AgentRunAnswers,
    AgentTools,
    ToolsQueries,
    AssistantService,
    AnswerAudience,
    EvidenceSearch,
    ThreadHistories,
    Answerer,
    AnswerTurns,
    AgentRunner,
    CompletionsService,
    EmbeddingsService,
    ApprovalRepository,
    ApprovalsService,
    ApprovalNotices,
    ApprovalsQueries,
    ApprovalTools,
  ],
  exports: [AgentsQueries, ApprovalsService, ApprovalNotices, AgentRunner, AgentRunsService],
})
export class AgentsModule {}
