import type { Compensation, WorkflowDefinition, WorkflowStep } from '@atrium/contracts';
import { storable } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import type { JsonValue, Scope } from './expressions/language.js';
import {
  backoffMs,
  compensationOf,
  FRESH,
  isCompensation,
  isComplete,
  isOver,
  keyOf,
  nextSteps,
  type StepRow,
  toCompensate,
} from './run-plan.js';
import type { RunRow } from './run.repository.js';
import type { Outcome } from './step-runners.js';

/** The largest output of a step, and of all steps of a run together. UTF-16 code units of JSON. */
const MAX_OUTPUT_CHARS = 262_144;
const MAX_OUTPUTS_CHARS = 4_194_304;
export const MAX_ITEMS = 1_000;
/** Items of one fan-out that run at once. */
const ITEMS_AT_ONCE = 10;

export interface RunFailure {
  code: string;
  message: string;
  stepId: string | null;
}

/** The state of a run in the process that holds its fence: what was reached, and what has to be written. No input or output of its own. */
export class RunExecution {
  private readonly rows: Map<string, StepRow>;
  private readonly items = new Map<string, JsonValue[]>();
  private readonly changed = new Set<string>();
  private readonly byId: Map<string, WorkflowStep>;
  failure: RunFailure | null = null;

  constructor(
    readonly run: RunRow,
    readonly definition: WorkflowDefinition,
    rows: readonly StepRow[],
  ) {
    this.rows = new Map(rows.map((row) => [keyOf(row), row]));
    this.byId = new Map(definition.steps.map((step) => [step.id, step]));
    const failed = rows.find((row) => row.status === 'failed' && row.item < 0 && !isCompensation(row));
    if (failed) this.failure = failureOf(failed);
  }

  /** What expressions see; `item` and `index` of the row if it is one of a fan-out. */
  scope(row?: Pick<StepRow, 'stepId' | 'item'>): Scope {
    const steps: Record<string, JsonValue> = {};
    for (const { id } of this.definition.steps) {
      const reached = this.rows.get(keyOf({ stepId: id, item: -1 }));
      steps[id] = { output: reached?.output ?? null, status: reached?.status ?? 'pending' };
    }
    const { id, workflowId, version, startedAt, input } = this.run;
    return {
      input: input as JsonValue,
      steps,
      run: { id, workflowId, version, startedAt: startedAt?.toISOString() ?? null },
      ...(row && row.item >= 0 ? { item: this.items.get(row.stepId.replace(':compensate', ''))?.[row.item] ?? null, index: row.item } : {}),
    };
  }

  /** The step of a row, or what compensates it. */
  stepOf({ stepId }: Pick<StepRow, 'stepId'>): WorkflowStep | Compensation {
    const step = this.byId.get(stepId.replace(':compensate', ''));
    const found = stepId.endsWith(':compensate') ? step?.compensate : step;
    if (!found) throw new Error(`the definition has no step ${stepId}`);
    return found;
  }

  row(key: string): StepRow | undefined {
    return this.rows.get(key);
  }

  all(): StepRow[] {
    return [...this.rows.values()];
  }

  /** Fan-outs that began, whose items this process does not know yet. One that has no input never had items. */
  unknownItems(): WorkflowStep[] {
    const began = (id: string) => (this.rows.get(keyOf({ stepId: id, item: -1 }))?.input ?? null) !== null;
    return this.definition.steps.filter(({ id, forEach }) => forEach !== undefined && began(id) && !this.items.has(id));
  }

  knowItems(stepId: string, items: JsonValue[]): void {
    this.items.set(stepId, items);
  }

  /** What can begin or is skipped by the rules alone; nothing once something failed. */
  next(): { ready: WorkflowStep[]; skipped: WorkflowStep[] } {
    if (this.failure) return { ready: [], skipped: [] };
    return nextSteps(this.definition.steps, this.reached());
  }

  /** Items of fan-outs that may begin now. */
  nextItems(): { step: WorkflowStep; item: number }[] {
    if (this.failure) return [];
    return this.definition.steps.flatMap((step) => {
      const items = this.items.get(step.id);
      if (!items || this.rows.get(keyOf({ stepId: step.id, item: -1 }))?.status !== 'running') return [];
      const started = this.all().filter((row) => row.stepId === step.id && row.item >= 0);
      const room = ITEMS_AT_ONCE - started.filter((row) => row.status === 'running' || row.status === 'waiting').length;
      if (started.some(({ status }) => status === 'failed')) return [];
      const left = items
        .map((_, item) => item)
        .filter((item) => (this.rows.get(keyOf({ stepId: step.id, item }))?.status ?? 'pending') === 'pending');
      return left.slice(0, Math.max(0, room)).map((item) => ({ step, item }));
    });
  }

  /** The next step to undo, when all that ran has ended. */
  nextCompensation(): { stepId: string; item: number } | null {
    if (!this.failure) return null;
    const [next] = toCompensate(this.definition.steps, this.all());
    return next ? { stepId: compensationOf(next.row.stepId), item: next.row.item } : null;
  }

  isComplete(): boolean {
    return isComplete(this.definition.steps, this.reached());
  }

  private reached(): Map<string, StepRow> {
    return new Map([...this.rows.values()].filter((row) => row.item < 0).map((row) => [row.stepId, row]));
  }

  /** Counts one more try of the step, item or compensation. */
  begin(stepId: string, item: number, input: JsonValue): StepRow {
    const before = this.rows.get(keyOf({ stepId, item }));
    return this.put({
      ...FRESH,
      stepId,
      item,
      kind: this.stepOf({ stepId }).kind,
      status: 'running',
      attempt: (before?.attempt ?? 0) + 1,
      edition: before?.edition ?? this.rows.get(keyOf({ stepId, item: -1 }))?.edition ?? 0,
      input,
      startedAt: before?.startedAt ?? new Date(),
    });
  }

  skip({ id, kind }: WorkflowStep): void {
    const at = new Date();
    this.put({ ...this.begin(id, -1, null), kind, status: 'skipped', attempt: 0, startedAt: at, endedAt: at });
  }

  /** Takes in what a try came to; after a failure that may pass, the step pauses as long as it has tries left. */
  settle(key: string, outcome: Outcome): void {
    const row = this.rows.get(key);
    if (!row) return;
    if (outcome.status === 'failed') this.fail(row, outcome.failure ?? { code: 'workflows.step_failed', message: '', retryable: false });
    else if (outcome.status === 'waiting') this.put({ ...row, status: 'waiting', wakeAt: outcome.wakeAt ?? null });
    else this.succeed(row, storable(outcome.output ?? null));
  }

  /** Lays over a row what its transaction decided. */
  amend(key: string, changes: Partial<StepRow>): void {
    const row = this.rows.get(key);
    if (!row) return;
    const amended = { ...row, ...changes };
    this.put({ ...amended, endedAt: isOver(amended) ? (amended.endedAt ?? new Date()) : null });
    if (amended.status === 'failed') this.onFailed(amended);
  }

  /** Nothing waits any longer; answers what did. */
  cancelWaiting(): StepRow[] {
    const waiting = this.all().filter((row) => row.status === 'waiting' && !isCompensation(row));
    const at = new Date();
    for (const row of waiting) this.put({ ...row, status: 'cancelled', endedAt: at });
    return waiting;
  }

  /** Fan-outs whose items have all ended end themselves. */
  closeFanOuts(): void {
    for (const step of this.definition.steps) {
      const items = this.items.get(step.id);
      const parent = this.rows.get(keyOf({ stepId: step.id, item: -1 }));
      if (!items || parent?.status !== 'running') continue;
      const started = this.all().filter((row) => row.stepId === step.id && row.item >= 0);
      if (started.some((row) => row.status === 'running' || row.status === 'waiting')) continue;
      const failed = started.find(({ status }) => status === 'failed');
      if (failed)
        this.fail(parent, {
          code: failed.failureCode ?? '',
          message: `Item ${failed.item}: ${failed.failureMessage ?? ''}`,
          retryable: false,
        });
      else if (this.failure) this.put({ ...parent, status: 'cancelled', endedAt: new Date() });
      else if (started.filter(({ status }) => status === 'succeeded').length === items.length)
        this.succeed(
          parent,
          started.sort((a, b) => a.item - b.item).map(({ output }) => output),
        );
    }
  }

  /** What has to be written since the last time. */
  takeChanged(): StepRow[] {
    const rows = [...this.changed].flatMap((key) => this.rows.get(key) ?? []);
    this.changed.clear();
    return rows;
  }

  private succeed(row: StepRow, output: JsonValue): void {
    const chars = JSON.stringify(output).length;
    const all = this.all().reduce((sum, one) => sum + (one.output === null ? 0 : JSON.stringify(one.output).length), chars);
    if (chars > MAX_OUTPUT_CHARS || all > MAX_OUTPUTS_CHARS) {
      const message =
        chars > MAX_OUTPUT_CHARS
          ? `The output is larger than ${MAX_OUTPUT_CHARS} characters.`
          : 'The outputs of the run are too large together.';
      this.fail(row, { code: 'workflows.too_large', message, retryable: false });
      return;
    }
    const at = new Date();
    this.put({ ...row, status: 'succeeded', output, failureCode: null, failureMessage: null, wakeAt: null, endedAt: at });
    if (isCompensation(row)) {
      const undone = this.rows.get(keyOf({ stepId: row.stepId.replace(':compensate', ''), item: row.item }));
      if (undone) this.put({ ...undone, status: 'compensated' });
    }
  }

  private fail(row: StepRow, { code, message, retryable }: { code: string; message: string; retryable: boolean }): void {
    const { retry } = this.stepOf(row);
    const failed = { ...row, failureCode: code, failureMessage: message.slice(0, 1_000) };
    const goesOn = retryable && (this.failure === null || isCompensation(row)) && row.attempt < (retry?.attempts ?? 1);
    if (goesOn) {
      this.put({ ...failed, status: 'waiting', wakeAt: new Date(Date.now() + backoffMs(row.attempt, retry?.backoffSeconds ?? 1)) });
      return;
    }
    const ended: StepRow = { ...failed, status: 'failed', wakeAt: null, endedAt: new Date() };
    this.put(ended);
    this.onFailed(ended);
  }

  private onFailed(row: StepRow): void {
    if (!isCompensation(row) && row.item < 0) this.failure ??= failureOf(row);
  }

  private put(row: StepRow): StepRow {
    this.rows.set(keyOf(row), row);
    this.changed.add(keyOf(row));
    return row;
  }
}

function failureOf(row: StepRow): RunFailure {
  return { code: row.failureCode ?? 'workflows.step_failed', message: row.failureMessage ?? '', stepId: row.stepId };
}

/** A failure as a step keeps it: what is no fault of the workflow tells nothing of our inside. */
export function failedBy(error: unknown): Outcome {
  if (error instanceof DomainError)
    return { status: 'failed', failure: { code: error.code, message: error.message, retryable: error.retryable } };
  return { status: 'failed', failure: { code: 'workflows.step_failed', message: 'Something failed on our side.', retryable: true } };
}
