import { isDeepStrictEqual } from 'node:util';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Durable, type DurableArgs, type DurableRun } from '@atrium/platform/durable';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { Subject } from '@atrium/platform/search';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { AnswerReaders } from './answer-readers.service.js';
import { AnswerSourceRepository, type SourcePlace } from './answer-source.repository.js';

const FUNCTION = 'chat.follow_sources';
const RETRY = { attempts: 8, backoffSeconds: 1 };
/** Sources of one read. */
const BATCH = 500;
/** Of organizations that one process works for at once. */
const CONCURRENCY = 2;
/** After these a source is not there any more. */
const GONE: ReadonlySet<string> = new Set(['documents.removed', 'memory.forgotten', 'memory.pattern_removed', 'chat.message_deleted']);
/** How long to wait for a source that is hidden for now. */
const HIDDEN_MS = 2_000;

/** Hears that a source of answers changed its readers or is gone, and has the answers follow: few or many, whatever process dies. */
@Injectable()
export class SourceChanges implements OnModuleInit {
  constructor(
    private readonly durable: Durable,
    private readonly db: Db,
    private readonly sources: AnswerSourceRepository,
    private readonly readers: AnswerReaders,
  ) {}

  onModuleInit(): void {
    this.durable.register(FUNCTION, (args, run) => this.run(args, run), { concurrency: CONCURRENCY });
  }

  @OnEvent(FUNCTION, [
    'documents.changed',
    'documents.removed',
    'memory.changed',
    'memory.superseded',
    'memory.forgotten',
    'memory.namespace_changed',
    'memory.pattern_changed',
    'memory.pattern_removed',
    'chat.message_completed',
    'chat.message_deleted',
    'chat.channel_deleted',
  ])
  async hear(ctx: OrgContext, { id, type, subject }: LoggedEvent): Promise<void> {
    const changed = { kind: subject.kind, subjectId: subject.id };
    if (await this.concerns(ctx, type, changed)) {
      await this.durable.start(FUNCTION, `${id}:${FUNCTION}`, { orgId: ctx.orgId, type, ...changed });
    }
  }

  /** Whether an answer may have to follow. One that ended does when a source changed while its end was written, too late to be seen by it. */
  private concerns(ctx: OrgContext, type: string, subject: Subject): Promise<boolean> {
    return this.db.readInOrg(ctx, async (tx) => {
      if (type === 'chat.channel_deleted') return true;
      if (type === 'memory.namespace_changed') return (await this.sources.answersFrom(tx, ctx, 'memory', null, 1)).length > 0;
      if (type !== 'chat.message_completed') return (await this.sources.answersOf(tx, ctx, subject, null, 1)).length > 0;
      const told = await this.sources.list(tx, ctx, subject.subjectId);
      const { sources, isGone, isHidden } = await this.sources.present(tx, ctx, told);
      return isGone || isHidden || !isDeepStrictEqual(sources, told);
    });
  }

  /** Again and again while a source is hidden: its owner brings its grants after it. */
  private async run(args: DurableArgs, run: DurableRun): Promise<void> {
    while (await run.step('follow', () => this.follow(args, run), RETRY)) await run.sleep(HIDDEN_MS);
  }

  private async follow(args: DurableArgs, run: DurableRun): Promise<boolean> {
    const ctx = systemContext(args.orgId as OrgId, run.id);
    const subject = { kind: String(args['kind']), subjectId: String(args['subjectId']) };
    if (args['type'] === 'chat.channel_deleted') return this.followChannel(ctx, subject.subjectId, run);
    if (args['type'] === 'chat.message_completed') return this.followOne(ctx, subject.subjectId, null, run);
    if (args['type'] === 'memory.namespace_changed')
      return this.followAnswers((tx, after) => this.sources.answersFrom(tx, ctx, 'memory', after, BATCH), ctx, null, run);
    const gone = GONE.has(String(args['type'])) ? subject : null;
    return this.followAnswers((tx, after) => this.sources.answersOf(tx, ctx, subject, after, BATCH), ctx, gone, run);
  }

  private async followAnswers(
    next: (tx: Tx, after: string | null) => Promise<string[]>,
    ctx: OrgContext,
    gone: Subject | null,
    run: DurableRun,
  ): Promise<boolean> {
    let again = false;
    let answers: string[] = [];
    do {
      const after = answers.at(-1) ?? null;
      answers = await this.db.readInOrg(ctx, (tx) => next(tx, after));
      for (const answer of answers) again = (await this.followOne(ctx, answer, gone, run)) || again;
    } while (answers.length === BATCH);
    return again;
  }

  /** Which messages a channel had is not known any more when it is erased, so all sources that are messages are looked through. */
  private async followChannel(ctx: OrgContext, channelId: string, run: DurableRun): Promise<boolean> {
    let again = false;
    let places: (SourcePlace & { isGone: boolean })[] = [];
    do {
      const after = places.at(-1) ?? null;
      places = await this.db.readInOrg(ctx, (tx) => this.sources.messageSources(tx, ctx, channelId, after, BATCH));
      for (const { messageId, subjectId } of places.filter(({ isGone }) => isGone)) {
        again = (await this.followOne(ctx, messageId, { kind: 'message', subjectId }, run)) || again;
      }
    } while (places.length === BATCH);
    return again;
  }

  private async followOne(ctx: OrgContext, answerId: string, gone: Subject | null, run: DurableRun): Promise<boolean> {
    // This process ends: the work stays unfinished in the books, so that another one takes it up.
    if (run.signal.aborted) await new Promise<never>(() => undefined);
    return this.readers.follow(ctx, answerId, gone);
  }
}
