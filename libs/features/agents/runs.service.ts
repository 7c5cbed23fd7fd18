import { Injectable } from '@nestjs/common';
import type { AgentId, AgentRun, AgentRunId, ReconcileAgentRun, StartAgentRun } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertPermission, type OrgContext } from '@atrium/platform/tenancy';
import { AgentRepository } from './agent.repository.js';
import { runTold, stepEnded } from './run-events.js';
import { AgentRunExecutor } from './run-executor.js';
import { AgentRunStarts, type StartReason } from './run-starts.js';
import { maySeeRun, toRun, toSummary } from './run-view.js';
import { AgentRunRepository, runNotFound, type StepRow } from './run.repository.js';
import { AgentRunsQueries } from './runs.queries.js';

/** The commands on runs. A run is its person's; administrators may steer it too. */
@Injectable()
export class AgentRunsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly agents: AgentRepository,
    private readonly runs: AgentRunRepository,
    private readonly queries: AgentRunsQueries,
    private readonly starts: AgentRunStarts,
    private readonly executor: AgentRunExecutor,
  ) {}

  /**
   * Starts a run of the newest version, with the rights of the caller and only those.
   * @throws NotFound `agents.not_found`, Conflict `agents.not_active`, Invalid `agents.unknown_tool`, QuotaExceeded
   * `agents.too_many_runs`, `agents.too_deep`
   */
  async start(ctx: OrgContext, id: AgentId, input: StartAgentRun, reason: StartReason = { kind: 'manual' }): Promise<AgentRun> {
    const run = await this.db.inOrg(ctx, async (tx) => {
      const started = await this.starts.insert(tx, ctx, await this.agents.get(tx, ctx, id), input, reason);
      return { launch: { orgId: started.orgId, id: started.id, turn: started.turn }, view: toRun(started, []) };
    });
    await this.starts.launch(run.launch);
    return run.view;
  }

  /** A run that has ended stays as it is. @throws NotFound `agents.run_not_found` */
  async cancel(ctx: OrgContext, id: AgentRunId): Promise<AgentRun> {
    await this.queries.get(ctx, id);
    await this.executor.cancel(ctx, id);
    return this.queries.get(ctx, id);
  }

  /**
   * Takes a person's word for what became of a call of unknown outcome; the run goes on with it.
   * @throws NotFound `agents.run_not_found`, Forbidden `agents.people_only`, Conflict `agents.step_not_unknown`
   */
  async reconcile(ctx: OrgContext, id: AgentRunId, { step: number, outcome, note }: ReconcileAgentRun): Promise<AgentRun> {
    const view = await this.db.inOrg(ctx, async (tx) => {
      const run = await this.runs.lock(tx, ctx, id);
      if (!maySeeRun(ctx, run)) throw runNotFound();
      if (ctx.principal.kind !== 'user' || ctx.credential === null)
        throw new Forbidden('agents.people_only', 'Only persons say what became of a step, not agents or workflows.');
      const step = (await this.runs.steps(tx, ctx, id)).find((one) => one.number === number);
      if (step?.status !== 'outcome_unknown' || run.endedAt !== null)
        throw new Conflict('agents.step_not_unknown', 'The run has no such step of unknown outcome.');
      const settled = outcome === 'done' ? asDone(step, note) : asNotDone(step, note);
      await this.runs.putStep(tx, ctx, id, settled);
      await this.events.appendMany(tx, ctx, [
        stepEnded(run, settled),
        runTold('agents.run_reconciled', run, { [`steps.${number}`]: ['outcome_unknown', settled.status] }),
      ]);
      return this.queries.view(tx, ctx, id);
    });
    await this.starts.wake(ctx, id);
    return view;
  }

  /**
   * The run for a step of a workflow, by the agent's name: the one that is under way or has succeeded, else a new one. Its prompt may hold what
   * others wrote. Not inside a transaction.
   * @throws Forbidden `auth.permission_missing`, NotFound `agents.not_found`, and as `start` does
   */
  async startStep(ctx: OrgContext, name: string, prompt: string, stepKey: string): Promise<AgentRunId> {
    assertPermission(ctx, 'agents:run');
    const run = await this.db.inOrg(ctx, async (tx) => {
      const agent = await this.agents.findByName(tx, ctx, name);
      if (!agent) throw new NotFound('agents.not_found', 'There is no such agent.');
      for (let time = 1; ; time++) {
        const reason = { kind: 'workflow' as const, startKey: `step:${stepKey}:${time}`, tainted: true };
        const started = await this.starts.insert(tx, ctx, agent, { prompt }, reason);
        if (started.status !== 'failed' && started.status !== 'cancelled') return started;
      }
    });
    await this.starts.launch(run);
    return run.id as AgentRunId;
  }

  /** What came of a run that our own work started; null while it is under way. @throws NotFound `agents.run_not_found` */
  async outcomeOf(ctx: OrgContext, id: string): Promise<Pick<AgentRun, 'status' | 'output' | 'failure'> | null> {
    const run = await this.db.readInOrg(ctx, (tx) => this.runs.get(tx, ctx, id));
    return run.endedAt === null ? null : toSummary(run);
  }

  /** Ends a run that our own work started. @throws NotFound `agents.run_not_found` */
  end(ctx: OrgContext, id: string): Promise<void> {
    return this.executor.cancel(ctx, id);
  }
}

const asDone = (step: StepRow, note: string): StepRow => ({
  ...step,
  status: 'succeeded',
  output: { reconciled: 'done', note },
  failureCode: null,
  failureMessage: null,
  endedAt: new Date(),
});

const asNotDone = (step: StepRow, note: string): StepRow => ({
  ...step,
  status: 'failed',
  failureCode: 'agents.not_done',
  failureMessage: `A person found that the call did not happen.${note === '' ? '' : ` They said: ${note}`}`,
  endedAt: new Date(),
});
