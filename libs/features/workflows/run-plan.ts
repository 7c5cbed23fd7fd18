import type { StepStatus, WorkflowStep } from '@atrium/contracts';
import type { JsonValue } from './expressions/language.js';

/** A row of `workflow_steps`: a step that was reached, or with `item` from 0 one item of its fan-out. */
export interface StepRow {
  stepId: string;
  item: number;
  kind: string;
  status: StepStatus;
  attempt: number;
  edition: number;
  input: JsonValue;
  output: JsonValue;
  failureCode: string | null;
  failureMessage: string | null;
  wakeAt: Date | null;
  signal: JsonValue;
  approvalId: string | null;
  childRunId: string | null;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** What a step that has not begun has of its own. */
export const FRESH = {
  status: 'pending',
  attempt: 0,
  input: null,
  output: null,
  failureCode: null,
  failureMessage: null,
  wakeAt: null,
  signal: null,
  approvalId: null,
  childRunId: null,
  startedAt: null,
  endedAt: null,
} as const;

export const keyOf = ({ stepId, item }: Pick<StepRow, 'stepId' | 'item'>) => `${stepId}#${item}`;
/** The row of what undoes a step. */
export const compensationOf = (stepId: string) => `${stepId}:compensate`;
export const isCompensation = ({ stepId }: Pick<StepRow, 'stepId'>) => stepId.endsWith(':compensate');
/** A pause before another try, not a wait for something. */
export const isPausing = ({ status, failureCode }: Pick<StepRow, 'status' | 'failureCode'>) => status === 'waiting' && failureCode !== null;
export const isOver = ({ status }: Pick<StepRow, 'status'>) => status !== 'pending' && status !== 'running' && status !== 'waiting';

/** Steps by id, as far as they were reached. */
export type Reached = ReadonlyMap<string, Pick<StepRow, 'status'>>;

/**
 * The steps that can go on now, and those that are skipped without a look at anything. A step begins when all that it needs has succeeded
 * or was skipped; a need that was skipped skips the step as well, unless it has a `when`, which then decides.
 */
export function nextSteps(steps: readonly WorkflowStep[], reached: Reached): { ready: WorkflowStep[]; skipped: WorkflowStep[] } {
  const ready: WorkflowStep[] = [];
  const skipped: WorkflowStep[] = [];
  for (const step of steps) {
    const own = reached.get(step.id)?.status;
    if (own !== undefined && own !== 'pending') continue;
    const needs = step.needs.map((id) => reached.get(id)?.status);
    if (!needs.every((status) => status === 'succeeded' || status === 'skipped')) continue;
    if (step.when === undefined && needs.includes('skipped')) skipped.push(step);
    else ready.push(step);
  }
  return { ready, skipped };
}

export const isComplete = (steps: readonly WorkflowStep[], reached: Reached): boolean =>
  steps.every(({ id }) => {
    const status = reached.get(id)?.status;
    return status === 'succeeded' || status === 'skipped';
  });

/** The pause before attempt `attempt + 1`. Milliseconds: doubles from the first, at most an hour. */
export const backoffMs = (attempt: number, backoffSeconds: number): number =>
  Math.min(backoffSeconds * 1_000 * 2 ** (attempt - 1), 3_600_000);

/** What succeeded and can be undone, last first. */
export function toCompensate(steps: readonly WorkflowStep[], rows: readonly StepRow[]): { step: WorkflowStep; row: StepRow }[] {
  const done = new Set(rows.filter(isCompensation).filter(isOver).map(keyOf));
  return steps
    .filter(({ compensate }) => compensate !== undefined)
    .flatMap((step) =>
      rows
        .filter((row) => row.stepId === step.id && row.status === 'succeeded' && (step.forEach === undefined || row.item >= 0))
        .map((row) => ({ step, row })),
    )
    .filter(({ row }) => !done.has(keyOf({ stepId: compensationOf(row.stepId), item: row.item })))
    .sort(
      (a, b) => Number(b.row.endedAt) - Number(a.row.endedAt) || steps.indexOf(b.step) - steps.indexOf(a.step) || b.row.item - a.row.item,
    );
}
