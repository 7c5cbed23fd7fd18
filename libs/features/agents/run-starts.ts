import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { AgentRunSummary, StartAgentRun } from '@atrium/contracts';
import { Db, storable, type Tx } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { Invalid, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { agentRunOf, type OrgContext, personOf } from '@atrium/platform/tenancy';
import { AgentRepository, type AgentRow } from './agent.repository.js';
import { notActive } from './run-actor.js';
import { runTold } from './run-events.js';
import { AgentRunRepository, type RunRow } from './run.repository.js';

export const RUN_FUNCTION = 'agents.run';
/** Runs that start runs, counted from the first one. */
const MAX_DEPTH = 5;
const MAX_ACTIVE_RUNS = 1_000;

export interface StartReason {
  kind: AgentRunSummary['trigger'];
  /** The id of the run, where something names it already. */
  id?: string;
  /** Names the start: a second one with it answers the first run, as long as that is kept. */
  startKey?: string;
  /** The prompt holds what others wrote. */
  tainted?: boolean;
  /** Where the run answers. */
  place?: { channelId: string; questionId: string; answerId: string };
}

/** Makes runs and sees to it that a process takes them up. */
@Injectable()
export class AgentRunStarts {
  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly events: Events,
    private readonly agents: AgentRepository,
    private readonly runs: AgentRunRepository,
  ) {}

  /**
   * Or answers the first run of its start key; in the transaction of who starts it. `launch` it after the commit.
   * @throws Conflict `agents.not_active`, Invalid `agents.unknown_tool`, QuotaExceeded `agents.too_deep`, `agents.too_many_runs`
   */
  async insert(tx: Tx, ctx: OrgContext, agent: AgentRow, { prompt, tools }: StartAgentRun, reason: StartReason): Promise<RunRow> {
    const first = reason.startKey === undefined ? null : await this.runs.findByKey(tx, ctx, reason.startKey);
    if (first) return first;
    if (agent.status !== 'active') throw notActive();
    const personId = personOf(ctx);
    if (personId === null) throw new Error('the system starts no runs');
    const parent = await this.parentOf(tx, ctx);
    if ((await this.runs.countActive(tx, ctx, MAX_ACTIVE_RUNS)) >= MAX_ACTIVE_RUNS)
      throw new QuotaExceeded('agents.too_many_runs', `${MAX_ACTIVE_RUNS} runs of the organization are under way.`, {
        retryAfterSeconds: 30,
      });
    const at = new Date();
    const run: RunRow = {
      orgId: ctx.orgId,
      id: reason.id ?? uuidv7(),
      startKey: reason.startKey ?? null,
      agentId: agent.id,
      version: agent.version,
      status: 'pending',
      triggerKind: reason.kind,
      prompt: String(storable(prompt)),
      output: null,
      failureCode: null,
      failureMessage: null,
      tools: granted(agent, tools),
      // What our own work (a run, a workflow) says may be what others wrote.
      tainted: reason.tainted ?? (parent ? parent.tainted : ctx.credential === null),
      stepCount: 0,
      inputTokens: 0,
      outputTokens: 0,
      costMicros: 0n,
      personId,
      permissions: [...ctx.permissions],
      channelId: reason.place?.channelId ?? null,
      questionId: reason.place?.questionId ?? null,
      answerId: reason.place?.answerId ?? null,
      parentRunId: parent?.id ?? null,
      depth: (parent?.depth ?? 0) + 1,
      turn: 1,
      claimedTurn: 0,
      fence: 0,
      parkedAt: null,
      wakeAt: null,
      deadlineAt: null,
      createdAt: at,
      updatedAt: at,
      startedAt: null,
      endedAt: null,
    };
    await this.runs.insert(tx, run);
    await this.events.append(tx, ctx, runTold('agents.run_started', run));
    return run;
  }

  /** Hands the run's present turn to a process; a turn that was handed out before is not handed out again. Not inside a transaction. */
  async launch({ orgId, id, turn }: Pick<RunRow, 'orgId' | 'id' | 'turn'>): Promise<void> {
    await this.durable.start(RUN_FUNCTION, `${id}:${turn}`, { orgId, runId: id });
  }

  /** Lets a run that waits look around again; one that is under way will. The time in which it waited is given back. */
  async wake(ctx: OrgContext, runId: string): Promise<void> {
    const run = await this.db.inOrg({ ...ctx, idempotency: null }, async (tx) => {
      const row = await this.runs.lock(tx, ctx, runId);
      if (row.endedAt !== null) return null;
      if (row.parkedAt === null) {
        await this.runs.update(tx, ctx, runId, { wakeAt: new Date() });
        return null;
      }
      const waitedMs = Date.now() - row.parkedAt.getTime();
      const deadlineAt = row.deadlineAt && new Date(row.deadlineAt.getTime() + waitedMs);
      await this.runs.update(tx, ctx, runId, { parkedAt: null, wakeAt: null, turn: row.turn + 1, deadlineAt });
      return { ...row, turn: row.turn + 1 };
    });
    if (run) await this.launch(run);
  }

  /** The run that starts this one. @throws QuotaExceeded `agents.too_deep` */
  private async parentOf(tx: Tx, ctx: OrgContext): Promise<RunRow | null> {
    const causing = agentRunOf(ctx);
    const parent = causing === null ? null : await this.runs.get(tx, ctx, causing);
    if (parent && parent.depth >= MAX_DEPTH)
      throw new QuotaExceeded('agents.too_deep', `Agents run each other at most ${MAX_DEPTH} deep.`, { retryable: false });
    return parent;
  }
}

/** @throws Invalid `agents.unknown_tool` */
function granted(agent: AgentRow, asked: readonly string[] | undefined): string[] {
  if (asked === undefined) return [...new Set(agent.tools)];
  const places = asked.flatMap((name, at) =>
    agent.tools.includes(name) ? [] : [{ pointer: `/tools/${at}`, message: 'is no tool of this agent' }],
  );
  if (places.length > 0) throw new Invalid('agents.unknown_tool', 'A run can have tools of its agent only.', { places });
  return [...new Set(asked)];
}
