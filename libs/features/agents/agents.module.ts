import { Module } from '@nestjs/common';
import { ChatModule } from '@atrium/features/chat';
import { OrganizationsModule } from '@atrium/features/organizations';
import { AgentNames } from './agent-names.js';
import { AgentRepository } from './agent.repository.js';
import { AgentsController } from './agents.controller.js';
import { AgentsQueries } from './agents.queries.js';
import { AnswerAudience } from './answer-audience.js';
import { AnswerTurns } from './answer-turns.js';
import { Answerer } from './answerer.js';
import { AssistantService } from './assistant.service.js';
import { EvidenceSearch } from './evidence.js';
import { ToolsController } from './tools.controller.js';
import { ToolsQueries } from './tools.queries.js';
import { TurnRepository } from './turn.repository.js';

@Module({
  imports: [ChatModule, OrganizationsModule],
  controllers: [AgentsController, ToolsController],
  providers: [
    AgentRepository,
    TurnRepository,
    AgentNames,
    AgentsQueries,
    ToolsQueries,
    AssistantService,
    AnswerAudience,
    EvidenceSearch,
    Answerer,
    AnswerTurns,
  ],
  exports: [AgentsQueries],
})
export class AgentsModule {}
