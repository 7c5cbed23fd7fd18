import { Injectable } from '@nestjs/common';
import type { RetryRun, SignalRun, StartRun, WorkflowId, WorkflowRun, WorkflowRunId } from '@atrium/contracts';
import { Db, storable, type Tx } from '@atrium/platform/db';
import { Conflict, Forbidden } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { JsonValue } from './expressions/language.js';
import { RunExecutor } from './run-executor.js';
import { compensationOf, FRESH, isCompensation, isPausing, type StepRow } from './run-plan.js';
import { RunStarts, type StartReason } from './run-starts.js';
import { maySeeValues, toRun } from './run-view.js';
import { type RunRow, RunRepository } from './run.repository.js';
import { runTold } from './workflow-events.js';

/** The commands on runs. Starter and administrators may steer a run. */
@Injectable()
export class RunsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly runs: RunRepository,
    private readonly starts: RunStarts,
    private readonly executor: RunExecutor,
  ) {}

  /**
   * Starts a run of the newest version, with the rights of the caller; of a `startKey` only the first.
   * @throws NotFound `workflows.not_found`, Invalid `workflows.invalid_input`, QuotaExceeded `workflows.too_many_runs`, `workflows.too_deep`
   */
  async start(
    ctx: OrgContext,
    workflowId: WorkflowId,
    { input }: StartRun,
    reason: Pick<StartReason, 'kind' | 'startKey'> = { kind: 'manual' },
  ): Promise<WorkflowRun> {
    const prepared = await this.starts.prepare(ctx, workflowId, input, reason);
    const { run, view } = await this.db.inOrg(ctx, async (tx) => {
      const started = await this.starts.insert(tx, ctx, prepared);
      return { run: started, view: await this.view(tx, ctx, started) };
    });
    await this.starts.launch(run);
    return view;
  }

  /** A run that has ended stays as it is. @throws NotFound `workflows.run_not_found`, Forbidden `workflows.not_the_starter` */
  async cancel(ctx: OrgContext, id: WorkflowRunId): Promise<WorkflowRun> {
    assertMaySteer(ctx, await this.db.readInOrg(ctx, (tx) => this.runs.get(tx, ctx, id)));
    await this.executor.cancel(ctx, id);
    return this.db.readInOrg(ctx, async (tx) => this.view(tx, ctx, await this.runs.get(tx, ctx, id)));
  }

  /**
   * Ends a wait before its time.
   * @throws NotFound `workflows.run_not_found`, Forbidden `workflows.not_the_starter`, Conflict `workflows.run_ended`,
   * `workflows.step_not_waiting`
   */
  async signal(ctx: OrgContext, id: WorkflowRunId, { step, payload }: SignalRun): Promise<WorkflowRun> {
    const view = await this.db.inOrg(ctx, async (tx) => {
      const run = await this.runs.lock(tx, ctx, id);
      assertMaySteer(ctx, run);
      if (run.endedAt !== null) throw new Conflict('workflows.run_ended', 'The run has ended.');
      const waiting = (await this.runs.steps(tx, ctx, id)).some((row) => row.stepId === step && row.kind === 'wait' && isWaiting(row));
      if (!waiting) throw new Conflict('workflows.step_not_waiting', 'The run has no such step that waits for a time or a signal.');
      await this.runs.signal(tx, ctx, id, step, { signalled: true, payload: storable(payload) });
      await this.events.append(tx, ctx, runTold('workflows.run_signalled', run));
      return this.view(tx, ctx, run);
    });
    await this.starts.wake(ctx, id);
    return view;
  }

  /**
   * Goes on from what failed; what had succeeded and was not undone stays. With `input` the run's input is replaced first, and what is
   * done again counts as something new to those who are told its idempotency key.
   * @throws NotFound `workflows.run_not_found`, Forbidden `workflows.not_the_starter`, Conflict `workflows.run_not_failed`, Invalid
   * `workflows.invalid_input`
   */
  async retry(ctx: OrgContext, id: WorkflowRunId, { input: given }: RetryRun): Promise<WorkflowRun> {
    const input = given === undefined ? null : (storable(given) as Record<string, JsonValue>);
    if (input) {
      const definition = await this.db.readInOrg(ctx, async (tx) => this.runs.definition(tx, ctx, await this.runs.get(tx, ctx, id)));
      await this.starts.assertInput(ctx, definition, input);
    }
    const { run, view } = await this.db.inOrg(ctx, async (tx) => {
      const before = await this.runs.lock(tx, ctx, id);
      assertMaySteer(ctx, before);
      if (before.status !== 'failed') throw new Conflict('workflows.run_not_failed', 'Only a failed run can be tried again.');
      await this.reset(tx, ctx, id, input !== null);
      const changing = { status: 'pending', failureCode: null, failureMessage: null, failureStep: null, endedAt: null, parked: false };
      await this.runs.update(tx, ctx, id, {
        ...changing,
        turn: before.turn + 1,
        ...(input ? { input: input } : {}),
      });
      const after = await this.runs.get(tx, ctx, id);
      await this.events.append(tx, ctx, runTold('workflows.run_retried', after, { status: ['failed', 'pending'] }));
      return { run: { orgId: after.orgId, id: after.id, turn: after.turn }, view: await this.view(tx, ctx, after) };
    });
    await this.starts.launch(run);
    return view;
  }

  /** What failed, was cancelled or undone is to be done; undone, with another input or refused by another system as something new. */
  private async reset(tx: Tx, ctx: OrgContext, runId: string, isEdited: boolean): Promise<void> {
    const rows = await this.runs.steps(tx, ctx, runId);
    const undone = new Set(rows.filter(({ status }) => status === 'compensated').map(({ stepId }) => stepId));
    const open = rows.filter(
      (row) => !isCompensation(row) && (undone.has(row.stepId) || row.status === 'failed' || row.status === 'cancelled'),
    );
    const again = open.map((row): StepRow => ({
      ...row,
      ...FRESH,
      edition: row.edition + (isEdited || undone.has(row.stepId) || wasRefused(row) ? 1 : 0),
    }));
    await this.runs.removeSteps(tx, ctx, runId, [...undone].map(compensationOf));
    await this.runs.removeSteps(tx, ctx, runId, isEdited ? open.map(({ stepId }) => stepId) : []);
    await this.runs.putSteps(tx, ctx, runId, isEdited ? again.filter(({ item }) => item < 0) : again);
  }

  private async view(tx: Tx, ctx: OrgContext, run: RunRow): Promise<WorkflowRun> {
    return toRun(ctx, run, await this.runs.definition(tx, ctx, run), await this.runs.steps(tx, ctx, run.id));
  }
}

/** The tool of another system answered with a failure, or was not reached: what is asked again was not done. */
const wasRefused = ({ kind, failureCode }: StepRow) => kind === 'tool' && /^(http-tools|mcp-servers)\./.test(failureCode ?? '');
const isWaiting = (row: StepRow) => row.status === 'waiting' && !isPausing(row);

function assertMaySteer(ctx: OrgContext, run: RunRow): void {
  if (!maySeeValues(ctx, run)) throw new Forbidden('workflows.not_the_starter', 'Only who started the run and administrators may do this.');
}
