import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type AgentCall, AgentLimits, type ApprovalId, type ChannelId, type OrgId, type UserId } from '@atrium/contracts';
import { isOfModels, Models, NOTHING_PAID, type Paid } from '@atrium/features/models';
import type { ModelDelta } from '@atrium/platform/ai';
import { Db, type Prisma, type Tx } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { DomainError } from '@atrium/platform/errors';
import { type EventDraft, Events, type Json } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AgentRepository, type AgentRow, type AgentVersionRow } from './agent.repository.js';
import { ApprovalsService } from './approvals.service.js';
import { isRepeatable, needsApproval, taints } from './call-policy.js';
import { onceEach } from './evidence.js';
import { AgentRunActor, contextOf, inNameOf } from './run-actor.js';
import { callOf, conversationOf, systemOf } from './run-conversation.js';
import { runTold, stepEnded } from './run-events.js';
import { faultOf, isOver, nextOf, type RunFailure, spent } from './run-plan.js';
import { AgentRunStarts, RUN_FUNCTION } from './run-starts.js';
import { AgentRunTexts, type RunText } from './run-text.js';
import { AgentRunTools, type BoundCall, type CallOutcome } from './run-tools.js';
import { AgentRunRepository, Fenced, type RunRow, type StepRow } from './run.repository.js';
import { ThreadHistories } from './thread-history.js';
import { taskIn } from './thread-text.js';

/** Runs under way in one process; organizations take turns. */
const CONCURRENCY = 32;
/** Of these, of one organization: its model may be slow. */
const SHARE = 12;
/** Times that a run is taken up again after faults of ours before it is given up. */
const MAX_FAULTS = 12;
/** How long a person may take to say what became of a call of unknown outcome. */
const RECONCILE_MS = 7 * 24 * 3_600_000;

/** How a run ends. */
type End = { status: 'succeeded'; output: string } | { status: 'failed'; failure: RunFailure };

/** A run in this process. */
interface Turn {
  system: OrgContext;
  run: RunRow;
  agent: AgentRow;
  version: AgentVersionRow;
  limits: AgentLimits;
  steps: StepRow[];
  fence: number;
  /** Aborted when this process ends or the run is cancelled. */
  signal: AbortSignal;
}

/**
 * Carries runs on. The rows are the truth: a process takes a run up, does one step after the other, writes each before it begins and when
 * it has ended, and lets go of the run while it waits for a person. Whoever takes it up later goes on from the rows; who lost it cannot write.
 */
@Injectable()
export class AgentRunExecutor implements OnModuleInit {
  private readonly aborts = new Map<string, AbortController>();

  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly events: Events,
    private readonly models: Models,
    private readonly texts: AgentRunTexts,
    private readonly threads: ThreadHistories,
    private readonly agents: AgentRepository,
    private readonly runs: AgentRunRepository,
    private readonly starts: AgentRunStarts,
    private readonly actor: AgentRunActor,
    private readonly tools: AgentRunTools,
    private readonly approvals: ApprovalsService,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.durable.register(RUN_FUNCTION, ({ orgId, runId }, run) => this.carryOn(orgId as OrgId, String(runId), run.signal), {
      concurrency: CONCURRENCY,
      share: SHARE,
    });
  }

  private async carryOn(orgId: OrgId, runId: string, stopping: AbortSignal): Promise<void> {
    const system = contextOf(orgId, runId);
    for (let faults = 0; ; faults++) {
      try {
        return await this.take(system, runId, stopping);
      } catch (error) {
        if (stopping.aborted) await new Promise(() => undefined);
        if (error instanceof Fenced || (error instanceof DomainError && error.code === 'agents.run_not_found')) return;
        this.log.fault('a run of an agent could not go on; it is taken up again', error, { id: runId, orgId });
        if (faults >= MAX_FAULTS) return this.giveUp(system, runId);
        await pause(Math.min(30_000, 500 * 2 ** faults));
      }
    }
  }

  private async take(system: OrgContext, runId: string, stopping: AbortSignal): Promise<void> {
    const claimed = await this.db.inOrg(system, (tx) => this.claim(tx, system, runId));
    if (!claimed) return;
    const abort = new AbortController();
    this.aborts.set(runId, abort);
    const turn: Turn = { system, ...claimed, signal: AbortSignal.any([abort.signal, stopping]) };
    try {
      while (await this.step(turn)) if (stopping.aborted) await new Promise(() => undefined);
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    } finally {
      this.aborts.delete(runId);
    }
  }

  /** Takes the run up: from now on only this fence writes. Null when there is nothing to do. */
  private async claim(tx: Tx, ctx: OrgContext, runId: string): Promise<Omit<Turn, 'system' | 'signal'> | null> {
    const row = await this.runs.lock(tx, ctx, runId);
    if (row.endedAt !== null || row.parkedAt !== null) return null;
    const version = await this.agents.version(tx, ctx, row.agentId, row.version);
    const agent = await this.agents.find(tx, ctx, row.agentId);
    if (!agent) return null;
    const limits = AgentLimits.parse(version.limits);
    const at = new Date();
    const taken = {
      fence: row.fence + 1,
      claimedTurn: row.turn,
      status: 'running',
      startedAt: row.startedAt ?? at,
      deadlineAt: row.deadlineAt ?? new Date(at.getTime() + limits.seconds * 1_000),
      wakeAt: null,
    };
    await this.runs.update(tx, ctx, runId, taken);
    await this.agents.see(tx, ctx, row.agentId, at);
    return { run: { ...row, ...taken }, agent, version, limits, steps: await this.runs.steps(tx, ctx, runId), fence: taken.fence };
  }

  /** One step, or the end. Whether there is more to do now. */
  private async step(turn: Turn): Promise<boolean> {
    const next = nextOf(turn.steps);
    if (next.kind === 'answered') return this.end(turn, { status: 'succeeded', output: next.text });
    try {
      const { ctx: actor, agent } = await this.actor.now(turn.system, turn.run);
      // What was taken from the agent meanwhile, its runs have no more.
      turn.agent = agent;
      turn.run.tools = turn.run.tools.filter((tool) => agent.tools.includes(tool));
      const ctx = await this.tools.contextOf(turn.system, actor, turn.run);
      if (next.kind === 'resume') return await this.resume(turn, ctx, next.step);
      const failure = spent(turn.run, turn.steps.length, turn.limits, new Date());
      if (failure) return await this.end(turn, { status: 'failed', failure });
      return next.kind === 'begin' ? await this.begin(turn, ctx, next.call) : await this.ask(turn, ctx, newStep(turn, 'model'));
    } catch (error) {
      if (!(error instanceof DomainError) || error.retryable || turn.signal.aborted) throw error;
      return this.end(turn, { status: 'failed', failure: { code: error.code, message: error.message } });
    }
  }

  /** Asks the model what is next. */
  private async ask(turn: Turn, ctx: OrgContext, begun: StepRow): Promise<boolean> {
    const { run, agent, version, limits, steps } = turn;
    const history = await this.threads.ofRun(turn.system, ctx, run);
    // Whoever wrote it: what a workflow posts in the person's name may be what others wrote.
    if (history.turns.length > 0) run.tainted = true;
    const step = { ...begun, sources: onceEach(history.sources) };
    await this.write(turn, step);
    const left = Math.max(1, limits.tokens - run.inputTokens - run.outputTokens);
    const late = AbortSignal.timeout(Math.max(1, (run.deadlineAt?.getTime() ?? 0) - Date.now()));
    const before = steps.filter(({ number }) => number < step.number);
    const text = await this.texts.open(turn.system, run, turn.fence, step.number, [...before, step]);
    let paid = NOTHING_PAID;
    const caller = { agentId: agent.id, purpose: 'run' as const, onPaid: (sum: Paid) => (paid = sum) };
    try {
      const request = {
        system: systemOf({ displayName: agent.displayName, instructions: version.instructions }),
        messages: conversationOf(taskIn(history.turns, run.prompt), before),
        tools: await this.tools.offers(ctx, run),
        model: version.model,
        maxOutputTokens: left,
        signal: AbortSignal.any([turn.signal, late]),
      };
      const end = await spoken(this.models.stream(ctx, request, caller), text);
      const answer = { ...step, ...figuresOf(paid), text: text.text, calls: (end?.calls ?? []).map(callOf) };
      const fault = faultOf(before, answer, end?.finish ?? 'length');
      if (fault) return await this.fail(turn, { ...answer, calls: answer.calls.slice(0, 16) }, fault);
      await this.write(turn, ended(answer, 'succeeded'));
      return true;
    } catch (error) {
      if (turn.signal.aborted) throw error;
      const failure = failureOf(error, late, limits);
      if (!failure) throw error;
      return this.fail(turn, { ...step, ...figuresOf(paid), text: text.text }, failure);
    }
  }

  /** Begins a call that the model asked for: makes it, or asks a person first. What may not be called, the model is told so. */
  private async begin(turn: Turn, ctx: OrgContext, call: AgentCall): Promise<boolean> {
    const step = { ...newStep(turn, 'tool'), callId: call.id, tool: call.tool, arguments: call.arguments as Json };
    try {
      const bound = await this.tools.boundTo(ctx, step);
      const effects = await this.tools.effectsOf(ctx, turn.run, call);
      const exempt = [turn.version, turn.agent].every(({ withoutApproval }) => withoutApproval.includes(call.tool));
      if (needsApproval(effects, { tainted: turn.run.tainted, exempt })) return await this.askPerson(turn, step, bound);
      await this.write(turn, step);
      return await this.perform(turn, ctx, step, bound);
    } catch (error) {
      if (!(error instanceof DomainError) || error.retryable) throw error;
      await this.write(turn, failed(step, error.code, error.message));
      return true;
    }
  }

  /** Makes the call, of the tool as it was bound: what was judged since then is of that tool or a later one, which is not called. */
  private async perform(turn: Turn, ctx: OrgContext, step: StepRow, bound: BoundCall): Promise<boolean> {
    const { run, signal } = turn;
    const tool = step.tool ?? '';
    if (step.approvalId !== null && !(await this.isAbout(turn, step.approvalId, bound))) {
      await this.write(turn, refused(step, 'approvals.arguments_changed', OTHERWISE));
      return true;
    }
    const version = bound.definition ?? null;
    const effects = await this.tools.effectsOf(ctx, run, { tool, arguments: step.arguments as AgentCall['arguments'] });
    const outcome = await this.tools.call(ctx, { tool, arguments: step.arguments, key: keyOf(run, step), effects, version }, signal);
    if (outcome.status === 'outcome_unknown') return this.awaitWord(turn, step, outcome);
    if (taints(effects)) run.tainted = true;
    const result =
      outcome.status === 'succeeded'
        ? ended({ ...step, output: outcome.output, sources: outcome.sources }, 'succeeded')
        : failed(step, outcome.code, outcome.message);
    await this.write(turn, result);
    return true;
  }

  /** Asks the person for whom the run works, and waits. The approval holds for exactly this tool, as it is now, and these arguments. */
  private async askPerson(turn: Turn, step: StepRow, bound: BoundCall): Promise<boolean> {
    const { run, agent } = turn;
    const expiresAt = expiryOf(turn, step);
    const asked = {
      requestKey: keyOf(run, step),
      kind: 'tool_call' as const,
      subject: { kind: 'agent_run', id: run.id },
      message: `${agent.displayName} wants to use ${step.tool}.`,
      arguments: bound as unknown as Prisma.JsonValue,
      assignees: [run.personId as UserId],
      channelId: run.channelId as ChannelId | null,
      expiresAt,
    };
    const waiting = { ...step, status: 'waiting' as const };
    return this.park(turn, expiresAt, async (tx, ctx) => ({ ...waiting, approvalId: (await this.approvals.request(tx, ctx, asked)).id }));
  }

  /** A call that may or may not have happened is not made again: a person has to say. */
  private awaitWord(turn: Turn, step: StepRow, { code, message }: Pick<Exclude<CallOutcome, { status: 'succeeded' }>, 'code' | 'message'>) {
    const unknown = { ...step, status: 'outcome_unknown' as const, failureCode: code, failureMessage: message };
    return this.park(turn, new Date(Date.now() + RECONCILE_MS), () => Promise.resolve(unknown));
  }

  /** Goes on with a step that had begun before. */
  private async resume(turn: Turn, ctx: OrgContext, step: StepRow): Promise<boolean> {
    if (step.kind === 'model') return this.ask(turn, ctx, { ...step, startedAt: new Date() });
    if (step.status === 'waiting' && step.approvalId !== null) return this.decision(turn, ctx, step, step.approvalId as ApprovalId);
    if (step.status === 'outcome_unknown') return this.lookForWord(turn, step);
    const bound = await this.tools.boundTo(ctx, step);
    const effects = await this.tools.effectsOf(ctx, turn.run, {
      tool: step.tool ?? '',
      arguments: step.arguments as AgentCall['arguments'],
    });
    if (isRepeatable(effects)) return this.perform(turn, ctx, step, bound);
    return this.awaitWord(turn, step, {
      code: 'agents.outcome_unknown',
      message: 'The process ended while the call was under way: it may have happened.',
    });
  }

  private async lookForWord(turn: Turn, step: StepRow): Promise<boolean> {
    const until = new Date(step.startedAt.getTime() + RECONCILE_MS);
    if (until > new Date()) return this.park(turn, until, () => Promise.resolve(step));
    return this.fail(turn, step, { code: 'agents.outcome_unknown', message: 'Nobody said in time whether the call had happened.' });
  }

  /** Uses the decision, once, for the call that was asked about; without one the run goes on waiting. */
  private async decision(turn: Turn, ctx: OrgContext, step: StepRow, approvalId: ApprovalId): Promise<boolean> {
    const { system } = turn;
    const state = await this.db.readInOrg(system, (tx) => this.approvals.stateOf(tx, system, approvalId));
    if (state === 'pending') return this.park(turn, expiryOf(turn, step), () => Promise.resolve(step));
    const bound = await this.tools.boundTo(ctx, step);
    const decided = await this.writeIn(turn, async (tx, writer) => {
      const taken = await this.approvals.take(tx, writer, approvalId, bound as unknown as Prisma.JsonValue).catch(refusal);
      if (taken.status === 'approved') return { ...step, status: 'running' as const };
      const said = taken.status === 'rejected' && taken.comment ? ` They said: ${taken.comment}` : '';
      const message = taken.status === 'rejected' ? `A person said no.${said}` : taken.message;
      return refused(step, `approvals.${taken.status}`, message);
    });
    if (decided.status !== 'running') return true;
    return this.perform(turn, ctx, decided, bound);
  }

  /** Whether the approval is one of exactly this call. */
  private async isAbout({ system }: Turn, approvalId: string, bound: BoundCall): Promise<boolean> {
    return this.db.readInOrg(system, (tx) => this.approvals.isAbout(tx, system, approvalId, bound as unknown as Prisma.JsonValue));
  }

  private write(turn: Turn, step: StepRow): Promise<StepRow> {
    return this.writeIn(turn, () => Promise.resolve(step));
  }

  /** Writes a step and what the run has used, if this process still has the run. @throws Fenced */
  private async writeIn(turn: Turn, make: (tx: Tx, ctx: OrgContext) => Promise<StepRow>): Promise<StepRow> {
    const { run, fence } = turn;
    const ctx = inNameOf(turn.system, run);
    const step = await this.db.inOrg(ctx, async (tx) => {
      await this.runs.lockFenced(tx, ctx, run.id, fence);
      const made = await make(tx, ctx);
      await this.runs.putStep(tx, ctx, run.id, made);
      await this.runs.update(tx, ctx, run.id, used(turn, made));
      if (isOver(made)) await this.events.append(tx, ctx, stepEnded(run, made));
      return made;
    });
    keep(turn, step);
    return step;
  }

  /** Lets go of the run until `wakeAt` or a wake-up; goes on at once when somebody called meanwhile. */
  private async park(turn: Turn, wakeAt: Date, make: (tx: Tx, ctx: OrgContext) => Promise<StepRow>): Promise<boolean> {
    const { run, fence } = turn;
    const ctx = inNameOf(turn.system, run);
    return this.db.inOrg(ctx, async (tx) => {
      const { nudged } = await this.runs.lockFenced(tx, ctx, run.id, fence);
      const step = await make(tx, ctx);
      await this.runs.putStep(tx, ctx, run.id, step);
      const parked: Prisma.AgentRunUpdateManyMutationInput = nudged
        ? { wakeAt: null }
        : { wakeAt, parkedAt: new Date(), status: 'waiting' };
      await this.runs.update(tx, ctx, run.id, { ...used(turn, step), ...parked });
      if (!nudged) await this.events.append(tx, ctx, runTold('agents.run_waiting', { ...run, status: 'waiting' }));
      keep(turn, step);
      return nudged;
    });
  }

  private async fail(turn: Turn, step: StepRow, failure: RunFailure): Promise<false> {
    await this.write(turn, failed(step, failure.code, failure.message));
    return this.end(turn, { status: 'failed', failure });
  }

  /** @throws Fenced */
  private async end(turn: Turn, end: End): Promise<false> {
    const ctx = inNameOf(turn.system, turn.run);
    await this.db.inOrg(ctx, async (tx) => {
      await this.runs.lockFenced(tx, ctx, turn.run.id, turn.fence);
      await this.close(tx, ctx, turn.run, turn.steps, end);
    });
    return false;
  }

  private async close(tx: Tx, ctx: OrgContext, run: RunRow, steps: readonly StepRow[], end: End): Promise<void> {
    const failure = end.status === 'failed' ? end.failure : null;
    const open = await this.closeSteps(tx, ctx, run, steps);
    const closed = { status: end.status, failureCode: failure?.code ?? null };
    await this.runs.update(tx, ctx, run.id, {
      ...closed,
      failureMessage: failure?.message ?? null,
      output: end.status === 'succeeded' ? end.output : null,
      endedAt: new Date(),
      wakeAt: null,
      parkedAt: null,
    });
    const type = end.status === 'succeeded' ? 'agents.run_succeeded' : 'agents.run_failed';
    await this.events.appendMany(tx, ctx, [...open, runTold(type, { ...run, ...closed })]);
  }

  /** What was still open ends with the run; of a call under way nobody knows the outcome. */
  private async closeSteps(tx: Tx, ctx: OrgContext, run: RunRow, steps: readonly StepRow[]): Promise<EventDraft[]> {
    const told: EventDraft[] = [];
    for (const step of steps.filter((one) => !isOver(one))) {
      const wasCalled = step.kind === 'tool' && step.status !== 'waiting';
      const closed = ended(step, wasCalled ? 'outcome_unknown' : 'cancelled');
      if (step.status === 'waiting' && step.approvalId !== null) await this.approvals.withdraw(tx, ctx, [step.approvalId]);
      await this.runs.putStep(tx, ctx, run.id, closed);
      told.push(stepEnded(run, closed));
    }
    return told;
  }

  /**
   * Ends a run and those that it started, where they are; who still works on it can write nothing more.
   * @throws NotFound `agents.run_not_found`
   */
  async cancel(ctx: OrgContext, runId: string): Promise<void> {
    const children = await this.db.inOrg(ctx, async (tx) => {
      const run = await this.runs.lock(tx, ctx, runId);
      if (run.endedAt !== null) return [];
      const told = await this.closeSteps(tx, ctx, run, await this.runs.steps(tx, ctx, runId));
      const cancelled = { status: 'cancelled', endedAt: new Date(), fence: run.fence + 1, wakeAt: null, parkedAt: null };
      await this.runs.update(tx, ctx, runId, cancelled);
      const event = runTold('agents.run_cancelled', { ...run, status: 'cancelled' }, { status: [run.status, 'cancelled'] });
      await this.events.appendMany(tx, ctx, [...told, event]);
      return this.runs.children(tx, ctx, runId);
    });
    this.aborts.get(runId)?.abort();
    for (const childId of children) await this.cancel({ ...ctx, idempotency: null }, childId);
  }

  /** The last resort: our own faults do not keep a run open for ever. */
  private async giveUp(system: OrgContext, runId: string): Promise<void> {
    await this.db.inOrg(system, async (tx) => {
      const run = await this.runs.lock(tx, system, runId);
      if (run.endedAt !== null) return;
      await this.runs.update(tx, system, runId, { fence: run.fence + 1 });
      const failure = { code: 'agents.run_failed' as const, message: 'Something failed on our side, again and again.' };
      await this.close(tx, inNameOf(system, run), run, await this.runs.steps(tx, system, runId), { status: 'failed', failure });
    });
  }
}

/** Names a call for ever, before it is made. */
const keyOf = (run: Pick<RunRow, 'id'>, { number }: Pick<StepRow, 'number'>) => `agent-run:${run.id}:${number}`;

/** Until when a person may decide. */
const expiryOf = ({ limits }: Turn, { startedAt }: StepRow) => new Date(startedAt.getTime() + limits.approvalSeconds * 1_000);

/** What the model is told of an approval that does not hold. */
const OTHERWISE = 'The tool or its arguments are not what a person was asked about. Call it again: that asks anew.';

const figuresOf = ({ inputTokens, outputTokens, provider, model, costMicros }: Paid) => ({
  inputTokens,
  outputTokens,
  provider,
  model,
  costMicros: BigInt(costMicros),
});

/** Lets the text be seen as it comes; what the model ended with, null when it was cut because it says too much. */
async function spoken(deltas: AsyncIterable<ModelDelta>, text: RunText): Promise<Extract<ModelDelta, { type: 'end' }> | null> {
  try {
    for await (const delta of deltas) {
      if (delta.type === 'end') return delta;
      text.add(delta.text);
      if (text.isFull) break;
    }
    return null;
  } finally {
    await text.end();
  }
}

function newStep({ steps }: Turn, kind: StepRow['kind']): StepRow {
  return {
    number: steps.length + 1,
    kind,
    status: 'running',
    text: null,
    calls: [],
    inputTokens: 0,
    outputTokens: 0,
    provider: null,
    model: null,
    costMicros: 0n,
    callId: null,
    tool: null,
    arguments: null,
    output: null,
    sources: [],
    approvalId: null,
    failureCode: null,
    failureMessage: null,
    startedAt: new Date(),
    endedAt: null,
  };
}

const ended = (step: StepRow, status: StepRow['status']): StepRow => ({ ...step, status, endedAt: new Date() });
const failed = (step: StepRow, code: string, message: string): StepRow =>
  ended({ ...step, failureCode: code, failureMessage: message }, 'failed');

const refused = (step: StepRow, code: string, message: string): StepRow =>
  ended({ ...step, failureCode: code, failureMessage: message }, 'refused');

/** The run's counters with this step in the place of the one of its number. */
function used({ run, steps }: Turn, step: StepRow) {
  const all = [...steps.filter(({ number }) => number !== step.number), step];
  const sum = (field: 'inputTokens' | 'outputTokens') => all.reduce((total, one) => total + one[field], 0);
  const costMicros = all.reduce((total, one) => total + one.costMicros, 0n);
  return { stepCount: all.length, inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens'), costMicros, tainted: run.tainted };
}

/** The step as it was written belongs to what this process knows. */
function keep(turn: Turn, step: StepRow): void {
  Object.assign(turn.run, used(turn, step));
  turn.steps = [...turn.steps.filter(({ number }) => number !== step.number), step].sort((a, b) => a.number - b.number);
}

/** A failure that ends the run; null for one that may pass by itself. */
function failureOf(error: unknown, late: AbortSignal, limits: AgentLimits): RunFailure | null {
  if (late.aborted && error === late.reason)
    return { code: 'agents.time_spent', message: `The run has used all of its ${limits.seconds} seconds.` };
  if (isOfModels(error)) return { code: error.code, message: error.message };
  return null;
}

/** What forbids to use an approval, as its outcome. */
function refusal(error: unknown): { status: 'arguments_changed' | 'used'; message: string; comment: null } {
  if (error instanceof DomainError && (error.code === 'approvals.arguments_changed' || error.code === 'approvals.used'))
    return error.code === 'approvals.used'
      ? { status: 'used', message: error.message, comment: null }
      : { status: 'arguments_changed', message: OTHERWISE, comment: null };
  throw error;
}
