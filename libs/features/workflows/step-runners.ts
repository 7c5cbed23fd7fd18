import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { ApprovalId, ChannelId, UserId, WorkflowId } from '@atrium/contracts';
import { AgentRunner, AgentRunsService, ApprovalNotices, ApprovalsService, ASSISTANT } from '@atrium/features/agents';
import { Db, type Tx } from '@atrium/platform/db';
import { DomainError, NotFound, Unavailable } from '@atrium/platform/errors';
import { canonicalJson } from '@atrium/platform/events';
import { SafeFetch } from '@atrium/platform/http';
import { ToolRegistry } from '@atrium/platform/tools';
import { type OrgContext, PrincipalDirectory, systemFor } from '@atrium/platform/tenancy';
import type { JsonValue } from './expressions/language.js';
import { httpCall } from './http-call.js';
import type { StepRow } from './run-plan.js';
import { type RunRow, RunRepository } from './run.repository.js';
import { RunStarts } from './run-starts.js';
import { stepInput } from './step-input.js';

/** One try of a step. */
export interface StepCall {
  run: RunRow;
  row: StepRow;
  kind: keyof typeof SECONDS;
  /** `with`, its expressions evaluated. */
  input: JsonValue;
  /** Names the effect: the same at every try of the same step, item and edition. */
  key: string;
  timeoutSeconds: number | undefined;
  /** Aborted when this process ends or the run is cancelled. */
  signal: AbortSignal;
}

/** What a try came to. `within` belongs to the transaction that records it, and may still change it. */
export interface Outcome {
  status: 'succeeded' | 'waiting' | 'failed';
  output?: JsonValue;
  failure?: { code: string; message: string; retryable: boolean };
  wakeAt?: Date | null;
  within?: (
    tx: Tx,
  ) => Promise<Partial<Pick<StepRow, 'status' | 'output' | 'failureCode' | 'failureMessage' | 'approvalId' | 'childRunId' | 'wakeAt'>>>;
}

/** How long a try may take by default. Seconds. */
const SECONDS = { tool: 60, agent: 180, http: 60, approval: 60, wait: 60, workflow: 60 } as const;
const DAY_SECONDS = 24 * 3_600;
/** How often a run looks after the one that it started, in case nobody told it of its end. Milliseconds. */
const LOOK_AFTER_MS = 30_000;
const MAX_ANSWER_BYTES = 1_048_576;
const RETRYABLE_STATUSES = new Set([408, 425, 429]);

const WAITED: Outcome = { status: 'succeeded', output: { signalled: false, payload: null } };

/** What each kind of step does, with the rights of `ctx`. */
@Injectable()
export class StepRunners {
  constructor(
    private readonly db: Db,
    private readonly tools: ToolRegistry,
    private readonly agents: AgentRunner,
    private readonly agentRuns: AgentRunsService,
    private readonly outbound: SafeFetch,
    private readonly approvals: ApprovalsService,
    private readonly notices: ApprovalNotices,
    private readonly directory: PrincipalDirectory,
    private readonly runs: RunRepository,
    private readonly starts: RunStarts,
  ) {}

  /** Begins a step. Not inside a transaction. @throws whatever the step fails with */
  begin(ctx: OrgContext, call: StepCall): Promise<Outcome> {
    switch (call.kind) {
      case 'tool':
        return within(call, () => this.tool(ctx, call));
      case 'agent':
        return within(call, () => this.agent(ctx, call));
      case 'http':
        return within(call, () => this.http(call));
      case 'approval':
        return this.ask(ctx, call);
      case 'wait':
        return Promise.resolve(wait(call));
      default:
        return this.start(ctx, call);
    }
  }

  /** Looks after a step that waits, with the rights of `actor` where it does something; null when there is nothing new. @throws whatever the step fails with */
  async look(ctx: OrgContext, call: StepCall, actor: () => Promise<OrgContext>): Promise<Outcome | null> {
    const { row } = call;
    if (row.approvalId !== null) return this.decision(ctx, call, row.approvalId, actor);
    if (row.childRunId !== null) return row.kind === 'agent' ? this.agentRun(ctx, call, row.childRunId) : this.child(ctx, row.childRunId);
    const { signal, wakeAt } = row;
    if (signal !== null) return { status: 'succeeded', output: signal };
    return wakeAt !== null && wakeAt.getTime() <= Date.now() ? WAITED : null;
  }

  private async tool(ctx: OrgContext, { input, key }: StepCall): Promise<Outcome> {
    const { tool, arguments: args } = stepInput('tool', input);
    const requestHash = createHash('sha256')
      .update(canonicalJson([tool, args]))
      .digest('hex');
    for (let patience = 30; ; patience--) {
      try {
        const once = { ...ctx, idempotency: { key, requestHash, claimed: false, replayed: false } };
        return { status: 'succeeded', output: (await this.tools.call(once, tool, args)) as JsonValue };
      } catch (error) {
        // Another process, which lost the run meanwhile, is still at it.
        if (!(error instanceof DomainError) || error.code !== 'request.idempotency_in_flight' || patience === 0) throw error;
        await pause(1_000);
      }
    }
  }

  /** The assistant answers at once; another agent works in a run of its own, which the step waits for. */
  private async agent(ctx: OrgContext, { input, key, signal, timeoutSeconds }: StepCall): Promise<Outcome> {
    const { agent, prompt } = stepInput('agent', input);
    if (agent === ASSISTANT.name)
      return { status: 'succeeded', output: (await this.agents.run(ctx, agent, prompt, signal)) as unknown as JsonValue };
    const childRunId = await this.agentRuns.startStep(ctx, agent, prompt, key);
    const lookAfterMs = Math.min(LOOK_AFTER_MS, (timeoutSeconds ?? Infinity) * 1_000);
    return { status: 'waiting', wakeAt: new Date(Date.now() + lookAfterMs), within: () => Promise.resolve({ childRunId }) };
  }

  private async agentRun(ctx: OrgContext, { row, timeoutSeconds }: StepCall, childRunId: string): Promise<Outcome | null> {
    const ended = await this.agentRuns.outcomeOf(ctx, childRunId);
    if (ended?.status === 'succeeded') return { status: 'succeeded', output: { text: ended.output, citations: [] } };
    if (ended) {
      const code = ended.failure?.code ?? 'workflows.child_failed';
      const message = ended.failure?.message ?? `The run ${childRunId} ended as ${ended.status}.`;
      return { status: 'failed', failure: { code, message, retryable: code.startsWith('ai.') } };
    }
    const late = timeoutSeconds !== undefined && (row.startedAt?.getTime() ?? 0) + timeoutSeconds * 1_000 <= Date.now();
    if (!late) return null;
    await this.agentRuns.end(ctx, childRunId);
    return { status: 'failed', failure: { code: 'workflows.step_timed_out', message: 'The agent did not end in time.', retryable: true } };
  }

  private async http({ input, key, timeoutSeconds, signal }: StepCall): Promise<Outcome> {
    const { method, url, headers, body } = stepInput('http', input);
    const response = await this.outbound.fetch(url, {
      method,
      ...httpCall(headers, body, key),
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: (timeoutSeconds ?? SECONDS.http) * 1_000,
      signal,
    });
    const { status } = response;
    if (status < 400)
      return { status: 'succeeded', output: { status, headers: response.headers, body: bodyOf(response.headers, response.body) } };
    const retryable = status >= 500 || RETRYABLE_STATUSES.has(status);
    return {
      status: 'failed',
      failure: { code: 'workflows.http_status', message: `The other server answered with status ${status}.`, retryable },
    };
  }

  private async ask(ctx: OrgContext, { input, key, run, row }: StepCall): Promise<Outcome> {
    const { message, assignees, channelId, expiresInSeconds } = stepInput('approval', input);
    const names = await this.directory.displayNames(
      ctx.orgId,
      assignees.map((id) => ({ kind: 'user' as const, id })),
    );
    if (names.size < new Set(assignees).size)
      throw new NotFound('organizations.member_not_found', 'An assignee of the approval is no member of the organization.');
    const expiresAt = new Date((row.startedAt ?? new Date()).getTime() + (expiresInSeconds ?? DAY_SECONDS) * 1_000);
    const asked = {
      requestKey: key,
      kind: 'workflow_step' as const,
      subject: { kind: 'workflow_run', id: run.id },
      message,
      arguments: argumentsOf(input),
      assignees: assignees as UserId[],
      channelId: (channelId ?? null) as ChannelId | null,
      expiresAt,
    };
    return {
      status: 'waiting',
      wakeAt: expiresAt,
      within: async (tx) => ({ approvalId: (await this.approvals.request(tx, ctx, asked)).id }),
    };
  }

  /** Tells the channel once, then looks for the decision. */
  private async decision(
    ctx: OrgContext,
    { row, input }: StepCall,
    approvalId: string,
    actor: () => Promise<OrgContext>,
  ): Promise<Outcome | null> {
    const { channelId, message } = stepInput('approval', input);
    const state = await this.db.readInOrg(ctx, (tx) => this.approvals.stateOf(tx, ctx, approvalId));
    if (state === 'pending') {
      if (channelId && !this.announced.has(approvalId)) await this.announce(await actor(), channelId as ChannelId, approvalId, message);
      return null;
    }
    if (channelId) await this.notices.settle(systemFor(ctx), approvalId as ApprovalId);
    return {
      status: 'succeeded',
      within: async (tx) => {
        const taken = await this.approvals.take(tx, ctx, approvalId, argumentsOf(input));
        if (taken.status === 'expired')
          return { status: 'failed', failureCode: 'approvals.expired', failureMessage: 'Nobody decided in time.' };
        return {
          output: { approved: taken.status === 'approved', decidedBy: taken.decidedBy, comment: taken.comment, approvalId: row.approvalId },
        };
      },
    };
  }

  private readonly announced = new Set<string>();

  /** A message of the starter, one per approval whatever is repeated. */
  private async announce(ctx: OrgContext, channelId: ChannelId, approvalId: string, message: string): Promise<void> {
    await this.notices.post(ctx, systemFor(ctx), approvalId as ApprovalId, channelId, message);
    this.announced.add(approvalId);
    if (this.announced.size > 10_000) this.announced.clear();
  }

  private async start(ctx: OrgContext, { input, key, run }: StepCall): Promise<Outcome> {
    const { workflowId, input: given } = stepInput('workflow', input);
    const prepared = await this.starts.prepare(ctx, workflowId as WorkflowId, given, {
      kind: 'workflow',
      parent: run,
      startKey: `step:${key}`,
    });
    return {
      status: 'waiting',
      wakeAt: new Date(Date.now() + LOOK_AFTER_MS),
      within: async (tx) => ({ childRunId: (await this.starts.insert(tx, ctx, prepared)).id }),
    };
  }

  private async child(ctx: OrgContext, childRunId: string): Promise<Outcome | null> {
    const child = await this.db.readInOrg(ctx, (tx) => this.runs.get(tx, ctx, childRunId));
    if (child.endedAt === null) {
      await this.starts.launch(child);
      return null;
    }
    if (child.status === 'succeeded') return { status: 'succeeded', output: child.output as JsonValue };
    const message = `The run ${childRunId} ended as ${child.status}${child.failureCode === null ? '' : ` with ${child.failureCode}`}.`;
    return { status: 'failed', failure: { code: 'workflows.child_failed', message, retryable: false } };
  }
}

function wait({ input, row }: StepCall): Outcome {
  const asked = stepInput('wait', input);
  const from = row.startedAt ?? new Date();
  const wakeAt = 'until' in asked ? new Date(asked.until) : new Date(from.getTime() + asked.seconds * 1_000);
  return wakeAt.getTime() <= Date.now() ? WAITED : { status: 'waiting', wakeAt };
}

/** What the approval is bound to: what was asked, of whom. */
function argumentsOf(input: JsonValue) {
  const { message, assignees, channelId } = stepInput('approval', input);
  return { message, assignees, channelId: channelId ?? null };
}

/** @throws Unavailable `workflows.step_timed_out`; what still runs has the same key when it is repeated. */
async function within(call: StepCall, work: () => Promise<Outcome>): Promise<Outcome> {
  const seconds = call.timeoutSeconds ?? SECONDS[call.kind];
  const over = new AbortController();
  const late = pause(seconds * 1_000, undefined, { signal: over.signal }).then(
    () => Promise.reject(new Unavailable('workflows.step_timed_out', `The step did not end within ${seconds} seconds.`)),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([work(), late]);
  } finally {
    over.abort();
  }
}

/** JSON as such, everything else as text. */
function bodyOf(headers: Record<string, string>, body: Buffer): JsonValue {
  const text = body.toString('utf8');
  if (!/[/+]json\b/i.test(headers['content-type'] ?? '')) return text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
