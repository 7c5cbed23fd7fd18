import { Injectable } from '@nestjs/common';
import type { ChannelId, MessageId, OrgId } from '@atrium/contracts';
import { type AnswerSource, AnswersService } from '@atrium/features/chat';
import { Db, storable } from '@atrium/platform/db';
import { LiveBus } from '@atrium/platform/realtime';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AnswerText } from './answer-text.js';
import { SAVE_EVERY_MS } from './assistant.js';
import { ConfirmedText, TextGone } from './confirmed-text.js';
import { onceEach } from './evidence.js';
import { inNameOf } from './run-actor.js';
import { AgentRunRepository, Fenced, type RunRow, type StepRow } from './run.repository.js';

/** The longest text of one answer of the model. UTF-16 code units. */
const MAX_TEXT_CHARS = 32_000;

/** Opens the texts of steps. */
@Injectable()
export class AgentRunTexts {
  constructor(
    private readonly db: Db,
    private readonly runs: AgentRunRepository,
    private readonly answers: AnswersService,
    private readonly live: LiveBus,
  ) {}

  /**
   * Begins the text of a step anew, for the person and, when the run answers in a channel, for whoever may read what its tools have read so
   * far. Not inside a transaction.
   */
  async open(system: OrgContext, run: RunRow, fence: number, number: number, before: readonly StepRow[]): Promise<RunText> {
    const orgId = run.orgId as OrgId;
    const show = (offset: number, text: string) =>
      this.live.publish(orgId, { type: 'live', kind: 'run_delta', runId: run.id, step: number, offset, text }, { userId: run.personId });
    const isOurs = forAMoment(async () => (await this.db.readInOrg(system, (tx) => this.runs.get(tx, system, run.id))).fence === fence);
    const said = new ConfirmedText(show, isOurs);
    const { channelId, answerId } = run;
    if (channelId === null || answerId === null) return new RunText(said, null);
    const sources = sourcesRead(before);
    const save = async (text: string) =>
      (await isOurs()) ? this.answers.saveProgress(inNameOf(system, run), answerId as MessageId, text, sources) : null;
    const requires = await save('');
    const place = { orgId, channelId: channelId as ChannelId, answerId: answerId as MessageId };
    return new RunText(said, requires && new AnswerText(place, requires, save, this.live));
  }
}

/** Asks anew only when it last asked some time ago: the person's text and the channel's ask one after the other. */
function forAMoment(ask: () => Promise<boolean>): () => Promise<boolean> {
  let [askedAt, answer] = [-Infinity, Promise.resolve(false)];
  return () => {
    if (performance.now() - askedAt > SAVE_EVERY_MS / 2) [askedAt, answer] = [performance.now(), ask()];
    return answer;
  };
}

/** What the model says in one step, as it comes: kept as the database can keep it, shown to the person and in the channel. */
export class RunText {
  /** The first half of a character whose second half is still to come. */
  private half = '';

  constructor(
    private readonly said: ConfirmedText,
    private answer: AnswerText | null,
  ) {}

  get text(): string {
    return this.said.text;
  }

  get isFull(): boolean {
    return this.text.length >= MAX_TEXT_CHARS;
  }

  /** @throws Fenced when another process has the run */
  add(piece: string): void {
    const [, whole = '', half = ''] = /^([^]*?)([\ud800-\udbff]?)$/.exec(this.half + piece) ?? [];
    this.half = half;
    this.write(whole);
  }

  /** Waits until nothing of it is on the way any more. */
  async end(): Promise<void> {
    this.write(this.half);
    this.half = '';
    await Promise.all([this.said.settle(), this.answer?.settle()]);
  }

  private write(whole: string): void {
    const text = String(storable(whole)).slice(0, MAX_TEXT_CHARS - this.text.length);
    if (text === '') return;
    try {
      this.said.add(text);
    } catch (error) {
      throw error instanceof TextGone ? new Fenced('another process has the run') : error;
    }
    try {
      this.answer?.add(text);
    } catch (error) {
      if (!(error instanceof TextGone)) throw error;
      // Nobody reads the answer any more; the run goes on.
      this.answer = null;
    }
  }
}

/** What a run has read by its calls, and of its thread, each once. */
export function sourcesRead(steps: readonly StepRow[]): AnswerSource[] {
  return onceEach(steps.flatMap((step) => step.sources));
}
