import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { WorkflowDefinition, WorkflowId, WorkflowRunSummary } from '@atrium/contracts';
import { Db, sqlState, storable, type Tx } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { Invalid, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { Expressions } from './expressions/expressions.js';
import type { JsonValue } from './expressions/language.js';
import { starterOf } from './run-actor.js';
import { runTold } from './workflow-events.js';
import { type RunRow, RunRepository } from './run.repository.js';
import { workflowNotFound, WorkflowRepository } from './workflow.repository.js';

export const RUN_FUNCTION = 'workflows.run';
/** Runs that start runs, counted from the first one. */
const MAX_DEPTH = 5;
const MAX_ACTIVE_RUNS = 1_000;
/** From start to end, waiting included. */
const MAX_RUN_MS = 30 * 24 * 3_600_000;

export interface StartReason {
  kind: WorkflowRunSummary['trigger'];
  /** Default: the workflow's newest. */
  version?: number;
  parent?: Pick<RunRow, 'id' | 'depth'>;
  /** Names the start: a second one with it answers the first run, as long as that is kept. */
  startKey?: string;
}

/** Makes runs and sees to it that a process takes them up. */
@Injectable()
export class RunStarts {
  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly events: Events,
    private readonly expressions: Expressions,
    private readonly workflows: WorkflowRepository,
    private readonly runs: RunRepository,
  ) {}

  /** Starts a run with the rights of the caller. @throws as `prepare` and `insert` do */
  async start(ctx: OrgContext, workflowId: WorkflowId, input: Record<string, unknown>, reason: StartReason): Promise<RunRow> {
    const prepared = await this.prepare(ctx, workflowId, input, reason);
    const run = await this.db.inOrg(ctx, (tx) => this.insert(tx, ctx, prepared));
    await this.launch(run);
    return run;
  }

  /**
   * Checks what can be checked before the transaction.
   * @throws NotFound `workflows.not_found`, Invalid `workflows.invalid_input`, QuotaExceeded `workflows.too_deep`
   */
  async prepare(ctx: OrgContext, workflowId: WorkflowId, given: Record<string, unknown>, reason: StartReason): Promise<RunRow> {
    const { workflow, definition, depth } = await this.db.readInOrg(ctx, async (tx) => {
      const row = await this.workflows.get(tx, ctx, workflowId);
      const version = await this.workflows.version(tx, ctx, workflowId, reason.version ?? row.version);
      return { workflow: { ...row, version: version.number }, definition: version.definition, depth: await this.depthOf(tx, ctx, reason) };
    });
    if (depth > MAX_DEPTH)
      throw new QuotaExceeded('workflows.too_deep', `Workflows start each other at most ${MAX_DEPTH} deep.`, { retryable: false });
    const input = storable(given) as Record<string, JsonValue>;
    await this.assertInput(ctx, definition, input);
    const at = new Date();
    return {
      ...starterOf(ctx),
      orgId: ctx.orgId,
      id: uuidv7(),
      startKey: reason.startKey ?? null,
      workflowId,
      version: workflow.version,
      status: 'pending',
      input,
      output: null,
      failureCode: null,
      failureMessage: null,
      failureStep: null,
      triggerKind: reason.kind,
      parentRunId: reason.parent?.id ?? null,
      depth,
      turn: 1,
      claimedTurn: 0,
      fence: 0,
      parked: false,
      wakeAt: null,
      deadlineAt: new Date(at.getTime() + MAX_RUN_MS),
      createdAt: at,
      updatedAt: at,
      startedAt: null,
      endedAt: null,
    };
  }

  /** Or answers the first run of its start key. `launch` it after the commit. @throws QuotaExceeded `workflows.too_many_runs` */
  async insert(tx: Tx, ctx: OrgContext, run: RunRow): Promise<RunRow> {
    const first = run.startKey === null ? null : await this.runs.findByKey(tx, ctx, run.startKey);
    if (first) return first;
    if ((await this.runs.countActive(tx, ctx, MAX_ACTIVE_RUNS)) >= MAX_ACTIVE_RUNS)
      throw new QuotaExceeded(
        'workflows.too_many_runs',
        `${MAX_ACTIVE_RUNS} runs of the organization are under way. Try again when some have ended.`,
        {
          retryAfterSeconds: 30,
        },
      );
    await this.runs.insert(tx, run).catch((error: unknown) => {
      // The workflow was removed at this moment.
      throw sqlState(error) === '23503' ? workflowNotFound() : error;
    });
    await this.events.append(tx, ctx, runTold('workflows.run_started', run));
    return run;
  }

  /** Hands the run's present turn to a process; a turn that was handed out before is not handed out again. Not inside a transaction. */
  async launch({ orgId, id, turn }: Pick<RunRow, 'orgId' | 'id' | 'turn'>): Promise<void> {
    await this.durable.start(RUN_FUNCTION, `${id}:${turn}`, { orgId, runId: id });
  }

  /** Lets a run that waits look around again; one that is under way will. */
  async wake(ctx: OrgContext, runId: string): Promise<void> {
    const run = await this.db.inOrg({ ...ctx, idempotency: null }, async (tx) => {
      const row = await this.runs.lock(tx, ctx, runId);
      if (row.endedAt !== null) return null;
      if (!row.parked) {
        await this.runs.update(tx, ctx, runId, { wakeAt: new Date() });
        return null;
      }
      await this.runs.update(tx, ctx, runId, { parked: false, wakeAt: null, turn: row.turn + 1 });
      return { ...row, turn: row.turn + 1 };
    });
    if (run) await this.launch(run);
  }

  /** Asks a stored definition's schema. @throws Invalid `workflows.invalid_input` */
  async assertInput(ctx: OrgContext, definition: WorkflowDefinition, input: Record<string, JsonValue>): Promise<void> {
    if (Object.keys(definition.input).length === 0) return;
    const places = await this.expressions.fit(ctx.orgId, [{ pointer: '/input', schema: definition.input, value: input }]);
    if (places.length > 0) throw new Invalid('workflows.invalid_input', 'The input does not fit the schema of the workflow.', { places });
  }

  /** One more than that of the run that starts this one, whether by a step, a tool or an event. */
  private async depthOf(tx: Tx, ctx: OrgContext, reason: StartReason): Promise<number> {
    if (reason.parent) return reason.parent.depth + 1;
    return ctx.via?.kind === 'workflow_run' ? (await this.runs.get(tx, ctx, ctx.via.id)).depth + 1 : 1;
  }
}
