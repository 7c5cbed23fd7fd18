import { Injectable } from '@nestjs/common';
import type { AgentRun, AgentRunId, LiveFrame } from '@atrium/contracts';
import type { LoggedEvent } from '@atrium/platform/events';
import { LiveBus, type LiveTarget, type LiveWatcher } from '@atrium/platform/realtime';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { RunSaid } from './run-said.js';
import { AgentRunsQueries } from './runs.queries.js';

/** How often a run is looked at of which nobody tells anything: what gets lost on the way is found so. Milliseconds. */
const LOOK_EVERY_MS = 5_000;

/** What a follower is told: what the model says, step by step, and at last the run. */
export type RunTold = { type: 'text'; text: string } | { type: 'settled'; run: AgentRun };

/** Follows runs: by what their events and live text tell, in whichever process they are. The rows are the truth; what is told only saves waiting. */
@Injectable()
export class AgentRunFollower {
  constructor(
    private readonly queries: AgentRunsQueries,
    private readonly live: LiveBus,
  ) {}

  /**
   * The run when it has ended, waits for a person, or the time is over. Not inside a transaction.
   * @throws NotFound `agents.run_not_found`, and the signal's reason when it aborts
   */
  async settled(ctx: OrgContext, id: AgentRunId, seconds: number, signal?: AbortSignal): Promise<AgentRun> {
    for await (const told of this.follow(ctx, id, seconds, signal)) if (told.type === 'settled') return told.run;
    throw new Error('a run that is followed is settled at last');
  }

  /** The same with what its model says on the way, for the person for whom it runs. @throws as `settled` */
  async *follow(ctx: OrgContext, id: AgentRunId, seconds: number, signal?: AbortSignal): AsyncGenerator<RunTold, void, undefined> {
    const end = Date.now() + seconds * 1_000;
    const news = new RunNews(id, personOf(ctx));
    const stop = await this.live.watch(ctx.orgId, news);
    const said = new RunSaid();
    try {
      for (let look = true; ; look = await news.next(Math.min(LOOK_EVERY_MS, end - Date.now()), signal)) {
        const run = look ? await this.queries.get(ctx, id) : null;
        for (const { number, text, endedAt } of run?.steps ?? []) if (text && endedAt) yield* textOf(said.more(number, text));
        if (run && (run.endedAt !== null || run.status === 'waiting' || Date.now() >= end)) return yield { type: 'settled', run };
        yield* textOf(said.more(news.step, news.text));
      }
    } finally {
      stop();
    }
  }
}

function* textOf(text: string): Generator<RunTold> {
  if (text !== '') yield { type: 'text', text };
}

/** What was told of one run since it was asked last. Bounded: of the live text only the latest step's is kept. */
class RunNews implements LiveWatcher {
  step = 0;
  text = '';
  private isNew = false;
  private hasChanged = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly runId: string,
    private readonly personId: string | null,
  ) {}

  event({ subject }: LoggedEvent): void {
    if (subject.kind !== 'agent_run' || subject.id !== this.runId) return;
    this.hasChanged = true;
    this.wake();
  }

  frame(frame: LiveFrame, target: LiveTarget): void {
    if (frame.kind !== 'run_delta' || frame.runId !== this.runId || !('userId' in target) || target.userId !== this.personId) return;
    if (frame.step !== this.step) [this.step, this.text] = [frame.step, ''];
    // After a gap the rest comes with the row of the step.
    if (frame.offset > this.text.length) return;
    this.text = this.text.slice(0, frame.offset) + frame.text;
    this.isNew = true;
    this.wake();
  }

  /** Waits for news, at most so long; whether to look at the run. @throws the signal's reason */
  async next(ms: number, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    const isLate = ms <= 0 || (!this.isNew && !this.hasChanged && (await this.quiet(ms, signal)));
    signal?.throwIfAborted();
    const look = this.hasChanged || isLate;
    [this.isNew, this.hasChanged] = [false, false];
    return look;
  }

  /** Whether nothing was told for so long. */
  private quiet(ms: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const over = (isLate: boolean) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        resolve(isLate);
      };
      const onAbort = () => over(false);
      const timer = setTimeout(() => over(true), ms);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.wake = () => over(false);
    });
  }
}
