import type {
  AgentId,
  AgentRun,
  AgentRunId,
  AgentRunStep,
  AgentRunSummary,
  ApprovalId,
  ChannelId,
  MessageId,
  UserId,
} from '@atrium/contracts';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { isAdmin } from './approval.js';
import type { RunRow, StepRow } from './run.repository.js';

const isOwn = (ctx: OrgContext, { personId }: Pick<RunRow, 'personId'>): boolean => personId === personOf(ctx);

/** Others but administrators do not see a run at all; administrators see that it was, not what it read and said (`runFor`). */
export const maySeeRun = (ctx: OrgContext, { personId }: Pick<RunRow, 'personId'>): boolean => isAdmin(ctx) || isOwn(ctx, { personId });

/** The run as this reader sees it: what only its person may read is withheld from everybody else. */
export const summaryFor = (ctx: OrgContext, run: RunRow): AgentRunSummary =>
  toSummary(isOwn(ctx, run) ? run : { ...run, prompt: '', output: null });

/** The same with its steps. */
export const runFor = (ctx: OrgContext, run: RunRow, steps: readonly StepRow[]): AgentRun => ({
  ...summaryFor(ctx, run),
  steps: steps.map((step) => toStep(isOwn(ctx, run) ? step : { ...step, text: null, calls: [], arguments: null, output: null })),
});

export function toSummary(run: RunRow): AgentRunSummary {
  return {
    id: run.id as AgentRunId,
    agentId: run.agentId as AgentId,
    version: run.version,
    status: run.status as AgentRunSummary['status'],
    trigger: run.triggerKind as AgentRunSummary['trigger'],
    prompt: run.prompt,
    output: run.output,
    failure: failureOf(run),
    tools: run.tools,
    tainted: run.tainted,
    stepCount: run.stepCount,
    inputTokens: run.inputTokens,
    outputTokens: run.outputTokens,
    costMicros: Number(run.costMicros),
    startedBy: run.personId as UserId,
    channelId: run.channelId as ChannelId | null,
    answerId: run.answerId as MessageId | null,
    parentRunId: run.parentRunId as AgentRunId | null,
    createdAt: run.createdAt.toISOString(),
    updatedAt: run.updatedAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    endedAt: run.endedAt?.toISOString() ?? null,
  };
}

export const toRun = (run: RunRow, steps: readonly StepRow[]): AgentRun => ({ ...toSummary(run), steps: steps.map(toStep) });

function toStep({ callId: _call, sources: _sources, failureCode, failureMessage, startedAt, endedAt, ...step }: StepRow): AgentRunStep {
  return {
    ...step,
    costMicros: Number(step.costMicros),
    arguments: step.arguments as AgentRunStep['arguments'],
    output: step.output as AgentRunStep['output'],
    approvalId: step.approvalId as ApprovalId | null,
    failure: failureOf({ failureCode, failureMessage }),
    durationMs: endedAt && endedAt.getTime() - startedAt.getTime(),
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}

const failureOf = ({ failureCode, failureMessage }: { failureCode: string | null; failureMessage: string | null }) =>
  failureCode === null ? null : { code: failureCode, message: failureMessage ?? '' };
