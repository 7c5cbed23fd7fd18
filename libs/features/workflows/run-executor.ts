import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrgId, WorkflowStep } from '@atrium/contracts';
import { AgentRunsService, ApprovalsService } from '@atrium/features/agents';
import { Db, Prisma, type Tx } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { DomainError, Invalid, NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import type { OrgContext } from '@atrium/platform/tenancy';
import { Expressions } from './expressions/expressions.js';
import { expressionsIn, type JsonValue, type Scope } from './expressions/language.js';
import { contextOf, inNameOf, RunActor } from './run-actor.js';
import { failedBy, MAX_ITEMS, RunExecution, type RunFailure } from './run-execution.js';
import { isCompensation, isOver, isPausing, keyOf, type StepRow } from './run-plan.js';
import { Fenced, type RunRow, RunRepository } from './run.repository.js';
import { RUN_FUNCTION, RunStarts } from './run-starts.js';
import { shown } from './step-input.js';
import { type Outcome, type StepCall, StepRunners } from './step-runners.js';
import { runTold, stepEnded } from './workflow-events.js';
import { bare } from './workflow-definition.js';

/** Runs under way in one process; organizations take turns. */
const CONCURRENCY = 64;
/** How often a run that also waits for something looks for it while other steps run. Milliseconds. */
const LOOK_EVERY_MS = 500;
/** Times that a run is taken up again after faults of ours before it is given up. */
const MAX_FAULTS = 12;
/** Events of one append. */
const MAX_EVENTS = 400;

/** Runs that were ended: what has to be told, taken back and ended after them. */
export interface Ending {
  told: EventDraft[];
  approvals: string[];
  children: Child[];
  runIds: string[];
}

/** How a run ends. */
type End = { status: 'succeeded'; output: JsonValue } | { status: 'failed'; failure: RunFailure };

/** A run that a step has started: of a workflow, or of an agent. */
interface Child {
  kind: 'workflow' | 'agent';
  runId: string;
}

const childOf = ({ kind, childRunId }: StepRow): Child[] =>
  childRunId === null ? [] : [{ kind: kind === 'agent' ? 'agent' : 'workflow', runId: childRunId }];

const approvalOf = ({ approvalId }: StepRow): string[] => (approvalId === null ? [] : [approvalId]);

/** A run in this process: its state, what runs, and what has ended since it looked. */
interface Turn {
  system: OrgContext;
  execution: RunExecution;
  fence: number;
  running: Set<string>;
  ended: { key: string; outcome: Outcome }[];
  ring: () => void;
  bell: Promise<void>;
  signal: AbortSignal;
}

/**
 * Carries runs on. The rows are the truth: a process takes a run up, does what is next, writes what came of it together with what begins,
 * and lets go of it when there is nothing to do but wait. Whoever takes it up later goes on from the rows; who lost it cannot write.
 */
@Injectable()
export class RunExecutor implements OnModuleInit {
  private readonly aborts = new Map<string, { orgId: OrgId; abort: AbortController }>();

  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly events: Events,
    private readonly expressions: Expressions,
    private readonly actor: RunActor,
    private readonly runs: RunRepository,
    private readonly starts: RunStarts,
    private readonly runners: StepRunners,
    private readonly approvals: ApprovalsService,
    private readonly agentRuns: AgentRunsService,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.durable.register(RUN_FUNCTION, ({ orgId, runId }, run) => this.carryOn(orgId as OrgId, String(runId), run.signal), {
      concurrency: CONCURRENCY,
    });
  }

  /** The runs that this process has taken up. */
  underWay(): { orgId: OrgId; runId: string }[] {
    return [...this.aborts].map(([runId, { orgId }]) => ({ orgId, runId }));
  }

  /** Stops what this process is doing for the run, if it does anything. */
  abort(runId: string): void {
    this.aborts.get(runId)?.abort.abort();
  }

  private async carryOn(orgId: OrgId, runId: string, stopping: AbortSignal): Promise<void> {
    const system = contextOf(orgId, runId);
    for (let faults = 0; ; faults++) {
      try {
        return await this.take(system, runId, stopping);
      } catch (error) {
        if (stopping.aborted) await new Promise(() => undefined);
        if (error instanceof Fenced || (error instanceof NotFound && error.code === 'workflows.run_not_found')) return;
        this.log.fault('a run could not go on; it is taken up again', error, { id: runId, orgId });
        if (faults >= MAX_FAULTS) return this.giveUp(system, runId);
        await pause(Math.min(30_000, 500 * 2 ** faults));
      }
    }
  }

  private async take(system: OrgContext, runId: string, stopping: AbortSignal): Promise<void> {
    const claimed = await this.db.inOrg(system, (tx) => this.claim(tx, system, runId));
    if (!claimed) return;
    const abort = new AbortController();
    this.aborts.set(runId, { orgId: system.orgId, abort });
    const signal = AbortSignal.any([abort.signal, stopping]);
    const turn: Turn = { system, ...claimed, running: new Set(), ended: [], signal, ring: () => undefined, bell: Promise.resolve() };
    hang(turn);
    try {
      await this.knowItems(turn);
      const left = turn.execution.all().filter((row) => row.status === 'running' && !this.isFanOut(turn, row));
      for (let again = left; await this.step(turn, again); again = []) {
        if (stopping.aborted) await new Promise(() => undefined);
      }
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    } finally {
      this.aborts.delete(runId);
    }
  }

  /** Takes the run up: from now on only this fence writes. Null when there is nothing to do. */
  private async claim(tx: Tx, ctx: OrgContext, runId: string): Promise<{ execution: RunExecution; fence: number } | null> {
    const row = await this.runs.lock(tx, ctx, runId);
    if (row.endedAt !== null || row.parked) return null;
    const run: RunRow = { ...row, fence: row.fence + 1, status: 'running', startedAt: row.startedAt ?? new Date() };
    await this.runs.update(tx, ctx, runId, {
      fence: run.fence,
      claimedTurn: run.turn,
      status: run.status,
      startedAt: run.startedAt,
      wakeAt: null,
    });
    const definition = await this.runs.definition(tx, ctx, run);
    return { execution: new RunExecution(run, definition, await this.runs.steps(tx, ctx, runId)), fence: run.fence };
  }

  /**
   * One round: takes in what ended, looks after what waits, begins what can begin, writes all of it at once, and starts what was begun.
   * Whether there is more to do. `again`: steps that a process before this one left running.
   */
  private async step(turn: Turn, again: StepRow[]): Promise<boolean> {
    const { execution } = turn;
    const withins: { key: string; within: NonNullable<Outcome['within']> }[] = [];
    const take = (key: string, outcome: Outcome) => {
      const { within, status, wakeAt = null } = outcome;
      // What its transaction decides, the next steps see only after it.
      if (within) withins.push({ key, within: async (tx) => ({ status, wakeAt, ...(await within(tx)) }) });
      else execution.settle(key, outcome);
    };
    for (const { key, outcome } of turn.ended.splice(0)) take(key, outcome);
    const retried = await this.lookAfter(turn, take);
    const begun = [...(await this.beginAgain(turn, [...again, ...retried])), ...(await this.plan(turn))];
    execution.closeFanOuts();
    const end = withins.length > 0 || begun.length > 0 || turn.running.size > 0 ? null : await this.endOf(turn);
    const idle = !end && begun.length === 0 && turn.running.size === 0 && withins.length === 0 && !this.hasNext(turn);
    const { parked, cancelled } = await this.write(turn, withins, end, idle);
    for (const child of cancelled) await this.cancelChild(turn.system, child);
    if (end) {
      const { parentRunId } = execution.run;
      if (parentRunId !== null) await this.starts.wake(turn.system, parentRunId);
      return false;
    }
    if (parked) return false;
    for (const call of begun) this.launch(turn, call);
    if (turn.ended.length === 0 && !this.hasNext(turn) && turn.running.size > 0) await this.wait(turn);
    return true;
  }

  private isFanOut({ execution }: Turn, row: StepRow): boolean {
    const step = execution.stepOf(row);
    return row.item < 0 && 'forEach' in step && step.forEach !== undefined;
  }

  /** Whether the rules alone say that something goes on. */
  private hasNext({ execution }: Turn): boolean {
    const { ready, skipped } = execution.next();
    return (
      ready.length > 0 || skipped.length > 0 || execution.nextItems().length > 0 || (execution.failure === null && execution.isComplete())
    );
  }

  /** Looks after steps that wait; answers those whose pause before another try is over. */
  private async lookAfter(turn: Turn, take: (key: string, outcome: Outcome) => void): Promise<StepRow[]> {
    const { execution, system } = turn;
    const again: StepRow[] = [];
    if (execution.failure === null && execution.run.deadlineAt <= new Date())
      execution.failure = { code: 'workflows.run_timed_out', message: 'The run did not end within its time.', stepId: null };
    for (const row of execution.all().filter(({ status }) => status === 'waiting')) {
      if (execution.failure !== null && !isCompensation(row)) continue;
      if (isPausing(row)) {
        if (row.wakeAt !== null && row.wakeAt <= new Date()) again.push(row);
        continue;
      }
      const call = await this.callOf(turn, row);
      const outcome = await this.runners
        .look(inNameOf(system, execution.run), call, () => this.actor.of(system, execution.run))
        .catch(failedBy);
      if (outcome) take(keyOf(row), outcome);
    }
    return again;
  }

  private async beginAgain(turn: Turn, rows: StepRow[]): Promise<StepCall[]> {
    const calls: StepCall[] = [];
    for (const row of rows) calls.push(...(await this.begin(turn, row.stepId, row.item)));
    return calls;
  }

  /** Begins what can begin: steps, items of fan-outs, or after a failure what undoes a step. */
  private async plan(turn: Turn): Promise<StepCall[]> {
    const { execution } = turn;
    const calls: StepCall[] = [];
    for (let { ready, skipped } = execution.next(); ready.length + skipped.length > 0; { ready, skipped } = execution.next()) {
      for (const step of skipped) execution.skip(step);
      for (const step of ready) calls.push(...(await this.beginStep(turn, step)));
    }
    for (const { step, item } of execution.nextItems()) calls.push(...(await this.begin(turn, step.id, item)));
    const undo = turn.running.size === 0 && calls.length === 0 ? execution.nextCompensation() : null;
    return undo && !this.isUndoing(execution) ? this.begin(turn, undo.stepId, undo.item) : calls;
  }

  private isUndoing(execution: RunExecution): boolean {
    return execution.all().some((row) => isCompensation(row) && !isOver(row));
  }

  private async beginStep(turn: Turn, step: WorkflowStep): Promise<StepCall[]> {
    const { execution } = turn;
    try {
      if (step.when !== undefined && (await this.evaluate(turn, step.when, execution.scope())) !== true) {
        execution.skip(step);
        return [];
      }
      if (step.forEach === undefined) return await this.begin(turn, step.id, -1);
      const items = await this.itemsOf(turn, step, step.forEach);
      execution.begin(step.id, -1, { items: items.length });
      execution.knowItems(step.id, items);
      execution.closeFanOuts();
      return [];
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      execution.settle(keyOf(execution.begin(step.id, -1, null)), failedBy(error));
      return [];
    }
  }

  /** Counts a try and evaluates what it is given. A step that cannot have its input has failed. */
  private async begin(turn: Turn, stepId: string, item: number): Promise<StepCall[]> {
    const { execution } = turn;
    const row = execution.begin(stepId, item, execution.row(keyOf({ stepId, item }))?.input ?? null);
    try {
      const call = await this.callOf(turn, row);
      const kept = { ...row, input: shown(row.kind, call.input) };
      execution.amend(keyOf(row), { input: kept.input });
      return [{ ...call, row: kept }];
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      execution.settle(keyOf(row), failedBy(error));
      return [];
    }
  }

  private async callOf({ execution, system, signal }: Turn, row: StepRow): Promise<StepCall> {
    const step = execution.stepOf(row);
    const template = step.with as JsonValue;
    const [input = null] =
      expressionsIn(template).length === 0
        ? [template]
        : await this.expressions.resolve(system.orgId, [template], execution.scope(row), signal);
    const { id } = execution.run;
    const key = [id, row.stepId, ...(row.item < 0 ? [] : [row.item]), ...(row.edition === 0 ? [] : [`again${row.edition}`])].join(':');
    return { run: execution.run, row, kind: step.kind, input, key, timeoutSeconds: step.timeoutSeconds, signal };
  }

  private async knowItems(turn: Turn): Promise<void> {
    for (const step of turn.execution.unknownItems()) {
      turn.execution.knowItems(step.id, await this.itemsOf(turn, step, step.forEach ?? ''));
    }
  }

  /** @throws Invalid `workflows.invalid_step_input`, QuotaExceeded `workflows.too_many_items` */
  private async itemsOf(turn: Turn, step: WorkflowStep, source: string): Promise<JsonValue[]> {
    const items = await this.evaluate(turn, source, turn.execution.scope());
    if (!Array.isArray(items)) throw new Invalid('workflows.invalid_step_input', `forEach of ${step.id} is no list.`);
    if (items.length > MAX_ITEMS)
      throw new QuotaExceeded('workflows.too_many_items', `${step.id} would run for ${items.length} items; ${MAX_ITEMS} are allowed.`, {
        retryable: false,
      });
    return items;
  }

  private evaluate({ system, signal }: Turn, source: string, scope: Scope): Promise<JsonValue> {
    return this.expressions.evaluate(system.orgId, bare(source), scope, signal);
  }

  private launch(turn: Turn, call: StepCall): void {
    const key = keyOf(call.row);
    turn.running.add(key);
    void this.actor
      .of(turn.system, call.run)
      .then((ctx) => this.runners.begin(ctx, call))
      .catch(failedBy)
      .then((outcome) => {
        turn.running.delete(key);
        turn.ended.push({ key, outcome });
        turn.ring();
      });
  }

  /** Until a step ends; when others wait, no longer than until it is time to look after them. */
  private async wait(turn: Turn): Promise<void> {
    const waits = turn.execution.all().some(({ status }) => status === 'waiting');
    const tick = new AbortController();
    const alarm = waits
      ? pause(LOOK_EVERY_MS, undefined, { signal: tick.signal }).catch(() => undefined)
      : new Promise<never>(() => undefined);
    await Promise.race([turn.bell, alarm]);
    tick.abort();
    hang(turn);
  }

  private async endOf({ execution, system, signal }: Turn): Promise<End | null> {
    const { failure } = execution;
    if (failure === null && execution.isComplete()) {
      try {
        const template = execution.definition.output as JsonValue;
        const [output = null] =
          expressionsIn(template).length === 0
            ? [template]
            : await this.expressions.resolve(system.orgId, [template], execution.scope(), signal);
        return { status: 'succeeded', output };
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        execution.failure = { code: error.code, message: error.message, stepId: null };
        return null;
      }
    }
    if (failure === null || execution.nextCompensation() !== null || this.isUndoing(execution)) return null;
    return { status: 'failed', failure };
  }

  /** Writes what changed since the last time, if this process still has the run. @throws Fenced */
  private async write(
    turn: Turn,
    withins: { key: string; within: NonNullable<Outcome['within']> }[],
    end: End | null,
    idle: boolean,
  ): Promise<{ parked: boolean; cancelled: Child[] }> {
    const { execution, system, fence } = turn;
    const { run } = execution;
    const ctx = inNameOf(system, run);
    const cancelled = execution.failure ? execution.cancelWaiting() : [];
    return this.db.inOrg(ctx, async (tx) => {
      const { nudged } = await this.runs.lockFenced(tx, ctx, run.id, fence);
      for (const { key, within } of withins) execution.amend(key, await within(tx));
      await this.approvals.withdraw(tx, ctx, cancelled.flatMap(approvalOf));
      const changed = execution.takeChanged();
      await this.runs.putSteps(tx, ctx, run.id, changed);
      const told: EventDraft[] = changed.filter(isOver).map((row) => stepEnded(run, row));
      const parked = idle && !nudged && cancelled.length === 0;
      if (end) told.push(await this.end(tx, ctx, run, end));
      else if (parked) told.push(...(await this.park(tx, ctx, execution)));
      else if (nudged) await this.runs.update(tx, ctx, run.id, { wakeAt: null });
      for (let at = 0; at < told.length; at += MAX_EVENTS) await this.events.appendMany(tx, ctx, told.slice(at, at + MAX_EVENTS));
      return { parked, cancelled: cancelled.flatMap(childOf) };
    });
  }

  private async end(tx: Tx, ctx: OrgContext, run: RunRow, end: End): Promise<EventDraft> {
    const failure = end.status === 'failed' ? end.failure : null;
    const ended = { status: end.status, failureCode: failure?.code ?? null, failureStep: failure?.stepId ?? null };
    await this.runs.update(tx, ctx, run.id, {
      ...ended,
      failureMessage: failure?.message ?? null,
      output: end.status === 'succeeded' ? (end.output ?? Prisma.JsonNull) : Prisma.DbNull,
      endedAt: new Date(),
      wakeAt: null,
    });
    return runTold(end.status === 'succeeded' ? 'workflows.run_succeeded' : 'workflows.run_failed', { ...run, ...ended });
  }

  /** Lets go of the run until the first of the times that it waits for, or a wake-up. */
  private async park(tx: Tx, ctx: OrgContext, execution: RunExecution): Promise<EventDraft[]> {
    const times = execution.all().flatMap(({ status, wakeAt }) => (status === 'waiting' && wakeAt !== null ? [wakeAt.getTime()] : []));
    const wakeAt = new Date(Math.min(...times, execution.run.deadlineAt.getTime()));
    await this.runs.update(tx, ctx, execution.run.id, { parked: true, status: 'waiting', wakeAt });
    return [runTold('workflows.run_waiting', { ...execution.run, status: 'waiting' })];
  }

  /** A run that was started by a step that no longer waits for it. */
  private async cancelChild(system: OrgContext, { kind, runId }: Child): Promise<void> {
    await (kind === 'agent' ? this.agentRuns.end(system, runId) : this.cancel(system, runId)).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    });
  }

  /** Ends a run and those that it started, as they are: nothing is undone, and who still works on it can write nothing more. */
  async cancel(ctx: OrgContext, runId: string): Promise<void> {
    const ending = await this.db.inOrg(ctx, async (tx) => {
      const ended: Ending = { told: [], approvals: [], children: [], runIds: [] };
      await this.close(tx, ctx, [runId], ended);
      await this.tell(tx, ctx, ended);
      return { runIds: ended.runIds, children: ended.children };
    });
    await this.endChildren(ctx, ending);
  }

  /** Ends what is open, until nothing is, in the transaction of the caller, who calls `tell` last and after the commit `endChildren`. */
  async closeAll(tx: Tx, ctx: OrgContext, open: () => Promise<string[]>): Promise<Ending> {
    const ending: Ending = { told: [], approvals: [], children: [], runIds: [] };
    for (let runIds = await open(); runIds.length > 0; runIds = await open()) await this.close(tx, ctx, runIds, ending);
    return ending;
  }

  private async close(tx: Tx, ctx: OrgContext, runIds: readonly string[], ending: Ending): Promise<void> {
    for (const row of await this.runs.lockOpen(tx, ctx, runIds)) {
      const at = new Date();
      await this.runs.update(tx, ctx, row.id, { status: 'cancelled', endedAt: at, fence: row.fence + 1, wakeAt: null, parked: false });
      const open = (await this.runs.steps(tx, ctx, row.id)).filter((step) => !isOver(step));
      const cancelled = open.map((step): StepRow => ({ ...step, status: 'cancelled', endedAt: at }));
      await this.runs.putSteps(tx, ctx, row.id, cancelled);
      const started = (await this.runs.children(tx, ctx, row.id)).map((runId): Child => ({ kind: 'workflow', runId }));
      ending.runIds.push(row.id);
      ending.children.push(...started, ...open.flatMap(childOf).filter(({ kind }) => kind === 'agent'));
      ending.approvals.push(...open.flatMap(approvalOf));
      ending.told.push(runTold('workflows.run_cancelled', { ...row, status: 'cancelled' }, { status: [row.status, 'cancelled'] }));
    }
  }

  async tell(tx: Tx, ctx: OrgContext, { approvals, told }: Ending): Promise<void> {
    await this.approvals.withdraw(tx, ctx, approvals);
    for (let at = 0; at < told.length; at += MAX_EVENTS) await this.events.appendMany(tx, ctx, told.slice(at, at + MAX_EVENTS));
  }

  async endChildren(ctx: OrgContext, { runIds, children }: Pick<Ending, 'runIds' | 'children'>): Promise<void> {
    for (const runId of runIds) this.abort(runId);
    for (const child of children) await this.cancelChild({ ...ctx, idempotency: null }, child);
  }

  /** The last resort: our own faults do not keep a run open for ever. */
  private async giveUp(system: OrgContext, runId: string): Promise<void> {
    await this.db.inOrg(system, async (tx) => {
      const run = await this.runs.lock(tx, system, runId);
      if (run.endedAt !== null) return;
      const failure = { code: 'workflows.step_failed', message: 'Something failed on our side, again and again.', stepId: null };
      await this.runs.update(tx, system, runId, { fence: run.fence + 1 });
      await this.events.append(tx, system, await this.end(tx, system, run, { status: 'failed', failure }));
    });
  }
}

/** A new bell for the next step that ends. */
function hang(turn: Turn): void {
  turn.bell = new Promise((ring) => {
    turn.ring = ring;
  });
}
