import { Injectable } from '@nestjs/common';
import type { Message, MessageId, PrincipalRef } from '@atrium/contracts';
import { type AnswerSource, MessagesQueries, type ThreadTurn } from '@atrium/features/chat';
import { type GrantSet, ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { RunRow } from './run.repository.js';
import { MAX_THREAD_TURNS, shownTurns } from './thread-text.js';
import { unlessRefused } from './unless-refused.js';

/** What was said in a thread before a question. */
export interface ThreadHistory {
  /** Oldest first; the first is what the thread begins with. */
  turns: Message[];
  /** What the answers among them were made of: who reads what is made of this has to be allowed to read these too. */
  sources: AnswerSource[];
}

const NO_HISTORY: ThreadHistory = { turns: [], sources: [] };

/** Reads the thread of a question for the agent that answers it. */
@Injectable()
export class ThreadHistories {
  constructor(
    private readonly messages: MessagesQueries,
    private readonly grants: ReaderGrants,
  ) {}

  /**
   * The last turns before the question that all readers of the answer may read: what people said there, and of answers those whose every
   * source `audience` holds (null: nothing is), as the sources are at this moment. What was deleted or is still being written is not among
   * them. Call it outside of a transaction.
   */
  async before(system: OrgContext, question: Message, audience: GrantSet | null): Promise<ThreadHistory> {
    const said = await this.messages.before(system, question, MAX_THREAD_TURNS);
    const open = said.filter((turn) => isOver(turn.message) && isOpenTo(audience, turn));
    const turns = shownTurns(open.map(({ message }) => message));
    const shown = new Set(turns.map(({ id }) => id));
    return { turns, sources: open.flatMap(({ message, sources }) => (shown.has(message.id) ? sources : [])) };
  }

  /**
   * The same for a run that answers in a channel, of which `ctx` reads what all readers of its answer may read; nothing for one that was
   * asked with a credential that reads no channels, because the run's trace is read with it.
   */
  async ofRun(system: OrgContext, ctx: OrgContext, { questionId }: Pick<RunRow, 'questionId'>): Promise<ThreadHistory> {
    if (questionId === null || !ctx.permissions.has('channels:read')) return NO_HISTORY;
    const question = await unlessRefused(() => this.messages.get(system, questionId as MessageId));
    return question ? this.before(system, question, await this.grants.of(ctx)) : NO_HISTORY;
  }
}

const isOver = ({ deletedAt, status, body }: Message) =>
  deletedAt === null && status !== 'streaming' && status !== 'withheld' && body.trim() !== '';

const isOpenTo = (audience: GrantSet | null, { sources }: ThreadTurn) =>
  sources.every(({ grants }) => grants.some((key) => audience?.has(key)));

/** What a person asked the agent in these turns, oldest first. */
export const askedBy = (turns: readonly Message[], person: PrincipalRef, agentId: string): string[] =>
  turns.flatMap(({ author, mentions, body }) =>
    author.kind === person.kind && author.id === person.id && mentions.some(({ kind, id }) => kind === 'agent' && id === agentId)
      ? [body]
      : [],
  );
