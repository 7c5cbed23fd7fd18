import {
  type RunStep,
  STEP_KINDS,
  type UserId,
  type WorkflowDefinition,
  type WorkflowId,
  type WorkflowRun,
  type WorkflowRunId,
  type WorkflowRunSummary,
} from '@atrium/contracts';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { FRESH, isOver, type StepRow } from './run-plan.js';
import type { RunRow } from './run.repository.js';

/** The values of a run may hold whatever its starter may read: they are shown to the starter and to administrators. */
export function maySeeValues(ctx: OrgContext, { personId }: Pick<RunRow, 'personId'>): boolean {
  const { kind, role } = ctx.principal;
  return kind === 'system' || personId === personOf(ctx) || role === 'owner' || role === 'admin';
}

export function toSummary(ctx: OrgContext, run: RunRow): WorkflowRunSummary {
  const open = maySeeValues(ctx, run);
  return {
    id: run.id as WorkflowRunId,
    workflowId: run.workflowId as WorkflowId,
    version: run.version,
    status: run.status as WorkflowRunSummary['status'],
    input: open ? (run.input as WorkflowRunSummary['input']) : null,
    output: open ? (run.output as WorkflowRunSummary['output']) : null,
    failure:
      run.failureCode === null ? null : { code: run.failureCode, message: open ? run.failureMessage : null, stepId: run.failureStep },
    startedBy: run.personId as UserId,
    trigger: run.triggerKind as WorkflowRunSummary['trigger'],
    parentRunId: run.parentRunId as WorkflowRunId | null,
    createdAt: run.createdAt.toISOString(),
    updatedAt: run.updatedAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    endedAt: run.endedAt?.toISOString() ?? null,
  };
}

/** The run with its steps in the order of the definition, what was not reached yet as `pending`; then what was undone. */
export function toRun(ctx: OrgContext, run: RunRow, { steps }: WorkflowDefinition, rows: readonly StepRow[]): WorkflowRun {
  const open = maySeeValues(ctx, run);
  const whole = new Map(rows.filter(({ item }) => item < 0).map((row) => [row.stepId, row]));
  const nameOf = (id: string) => steps.find((step) => step.id === id)?.name ?? id;
  const reached = steps.map((step) => {
    const items = rows.filter((row) => row.stepId === step.id && row.item >= 0);
    return toStep(whole.get(step.id) ?? unreached(step.id, step.kind), nameOf(step.id), open, step.forEach === undefined ? null : items);
  });
  const undone = rows.filter(({ stepId }) => stepId.endsWith(':compensate')).map((row) => toStep(row, nameOf(row.stepId), open, null));
  return { ...toSummary(ctx, run), steps: [...reached, ...undone] };
}

function toStep(row: StepRow, name: string, open: boolean, items: StepRow[] | null): RunStep {
  const total = (row.input as { items?: number } | null)?.items ?? 0;
  return {
    id: row.stepId,
    name,
    kind: STEP_KINDS.find((kind) => kind === row.kind) ?? 'tool',
    status: row.status,
    attempt: row.attempt,
    input: open ? row.input : null,
    output: open ? row.output : null,
    failure: row.failureCode === null ? null : { code: row.failureCode, message: open ? row.failureMessage : null, stepId: row.stepId },
    items: items === null ? null : { done: items.filter(isOver).length, total },
    approvalId: row.approvalId,
    runId: row.childRunId as WorkflowRunId | null,
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

const unreached = (stepId: string, kind: string): StepRow => ({ ...FRESH, stepId, item: -1, kind, edition: 0 });
