import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { AgentId, AgentPage, AgentRunSummary, AgentsQuery, StartAgentRun } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { AgentsQueries } from './agents.queries.js';
import { AgentRunFollower } from './run-follower.js';
import { AgentRunsService } from './runs.service.js';

/** Agents for other agents, MCP clients and workflow steps. */
@Injectable()
export class AgentTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly agents: AgentsQueries,
    private readonly runs: AgentRunsService,
    private readonly follower: AgentRunFollower,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'agent_list',
      description: 'Lists the agents of the organization: what each can do, and whether it is active.',
      input: z.strictObject({ ...AgentsQuery.shape, limit: z.int().min(1).max(200).default(50) }),
      output: AgentPage,
      permission: 'agents:read',
      effects: ['reads_private'],
      run: (ctx, query) => this.agents.list(ctx, query),
    });
    this.registry.register({
      name: 'agent_run',
      description:
        'Gives an agent a task and waits for its answer for up to waitSeconds. A run that is still under way then, or waits for an approval, goes on by itself: ask again with the same idempotencyKey.',
      input: z.strictObject({
        agentId: AgentId,
        prompt: StartAgentRun.shape.prompt,
        tools: StartAgentRun.shape.tools.describe('Only these of the agent’s tools; all of them when absent.'),
        waitSeconds: z.int().min(0).max(50).default(20),
      }),
      output: z.strictObject(AgentRunSummary.shape),
      permission: 'agents:run',
      effects: ['writes', 'reads_private', 'reads_untrusted'],
      run: async (ctx, { agentId, waitSeconds, ...input }) => {
        const started = await this.runs.start(ctx, agentId, input, { kind: 'tool' });
        const { steps: _steps, ...summary } = await this.follower.settled(ctx, started.id, waitSeconds);
        return summary;
      },
    });
  }
}
