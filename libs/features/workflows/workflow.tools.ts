import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { FreeHeaderName, FreeHeaderValue, StartRun, WorkflowId, WorkflowRun, WorkflowRunId } from '@atrium/contracts';
import { Forbidden } from '@atrium/platform/errors';
import { SafeFetch } from '@atrium/platform/http';
import { agentRunOf, type OrgContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { httpCall } from './http-call.js';
import { RunsQueries } from './runs.queries.js';
import { RunsService } from './runs.service.js';

const MAX_ANSWER_BYTES = 262_144;

/** Workflows and the way out, for agents, MCP clients and workflow steps. */
@Injectable()
export class WorkflowTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly runs: RunsService,
    private readonly queries: RunsQueries,
    private readonly outbound: SafeFetch,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'workflow_run',
      description: 'Starts a workflow with an input. It goes on by itself; workflow_status tells how it stands.',
      input: z.strictObject({ workflowId: WorkflowId, input: StartRun.shape.input }),
      output: WorkflowRun,
      permission: 'workflows:run',
      effects: ['writes', 'sends_out'],
      run: (ctx, { workflowId, input }) => this.runs.start(ctx, workflowId, { input }),
    });
    this.registry.register({
      name: 'workflow_status',
      description: 'Tells how a run of a workflow stands, step by step.',
      input: z.strictObject({ runId: WorkflowRunId }),
      output: WorkflowRun,
      permission: 'workflows:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, { runId }) => this.queries.get(ctx, runId),
    });
    this.registry.register({
      name: 'http_request',
      description: 'Calls an address of the public internet by HTTP and answers status and text.',
      input: z.strictObject({
        method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
        url: z.string().min(1).max(8_000),
        headers: z.record(FreeHeaderName, FreeHeaderValue).default({}),
        body: z
          .json()
          .refine((body) => JSON.stringify(body).length <= 100_000, 'must be at most 100,000 characters')
          .optional()
          .describe('Text as it is; any other value is sent as JSON, with its content-type.'),
      }),
      output: z.strictObject({ status: z.int(), contentType: z.string(), body: z.string() }),
      permission: 'workflows:run',
      effects: ['sends_out', 'reads_untrusted'],
      isOpenTo: maySendOut,
      run: async (ctx, { url, body, headers, method }) => {
        if (!maySendOut(ctx))
          throw new Forbidden(
            'agents.tool_not_allowed',
            'An agent sends out in its runs, where a person is asked; not by a key of its own.',
          );
        const answer = await this.outbound.fetch(url, {
          method,
          ...httpCall(headers, body, ctx.idempotency?.key ?? null),
          maxBytes: MAX_ANSWER_BYTES,
        });
        return { status: answer.status, contentType: answer.headers['content-type'] ?? '', body: answer.body.toString('utf8') };
      },
    });
  }
}

/** As with tools of other systems that are `outward`: an agent has somebody to ask in its runs only. */
const maySendOut = (ctx: OrgContext): boolean => ctx.principal.kind !== 'agent' || agentRunOf(ctx) !== null;
