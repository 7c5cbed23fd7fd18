import { Injectable } from '@nestjs/common';
import type { Agent, Citation, Message } from '@atrium/contracts';
import { type AnswerSource, AnswersService } from '@atrium/features/chat';
import { isOfModels, type ModelCaller, Models, type Paid } from '@atrium/features/models';
import type { ModelFinish, ModelRequest } from '@atrium/platform/ai';
import { LiveBus } from '@atrium/platform/realtime';
import { ReferenceResolvers } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AnswerAudience } from './answer-audience.js';
import { AnswerCitations } from './answer-citations.js';
import { AnswerText } from './answer-text.js';
import { MAX_ANSWER_CHARS, NO_MODEL, UNBACKED } from './assistant.js';
import { type Evidence, EvidenceSearch, onceEach, sourcesOf } from './evidence.js';
import { quotesOf } from './extractive-answer.js';
import { inertText } from './inert-text.js';
import { type MarkedPiece, MarkedText } from './marked-text.js';
import { promptOf } from './prompt.js';
import { questionInThread, questionOf } from './question.js';
import { askedBy, type ThreadHistory, ThreadHistories } from './thread-history.js';
import { NO_FIGURES, type TurnFigures } from './turn.repository.js';

export interface TurnContext {
  /** Atrium itself: reads the channel. */
  system: OrgContext;
  /** The agent on behalf of who asked. */
  ctx: OrgContext;
  question: Message;
  answerId: Message['id'];
  agent: Pick<Agent, 'id' | 'instructions' | 'model'>;
}

export interface Answer {
  status: 'complete' | 'failed';
  body: string;
  citations: Citation[];
  sources: AnswerSource[];
  figures: TurnFigures;
}

const SAYS = {
  nothing: 'I found nothing about this in what the members of this channel may read.',
  empty: 'The model gave no answer. These are quotes from what I found:',
  meanwhile: 'These are quotes from what I found:',
  tooLong: '*The answer is cut here: it became too long.*',
  filtered: '*The model stopped here because of its content filter.*',
} as const;

/** Writes the answer of one turn: with the model from the evidence, without one by quoting it, and of nothing nothing. */
@Injectable()
export class Answerer {
  constructor(
    private readonly audience: AnswerAudience,
    private readonly evidence: EvidenceSearch,
    private readonly threads: ThreadHistories,
    private readonly resolvers: ReferenceResolvers,
    private readonly models: Models,
    private readonly answers: AnswersService,
    private readonly live: LiveBus,
  ) {}

  /** Not inside a transaction. @throws TextGone when the answer was deleted meanwhile; the signal's reason when it aborts. */
  async answer(turn: TurnContext, signal: AbortSignal): Promise<Answer> {
    const answer = await this.written(turn, signal);
    return { ...answer, body: inertText(answer.body) };
  }

  private async written(turn: TurnContext, signal: AbortSignal): Promise<Answer> {
    const audience = await this.audience.of(turn.system, turn.ctx, turn.question.channelId);
    const history = await this.threads.before(turn.system, turn.question, audience);
    const evidence = audience ? await this.evidence.find(turn.ctx, audience, soughtIn(turn, history)) : [];
    if (evidence.length === 0) return { status: 'complete', body: SAYS.nothing, citations: [], sources: [], figures: NO_FIGURES };
    const hasModel = await this.models.available(turn.ctx);
    return hasModel ? this.generated(turn, evidence, history, signal) : this.quoted(turn, evidence, NO_MODEL);
  }

  private citationsOf({ ctx }: TurnContext, evidence: readonly Evidence[]): AnswerCitations {
    return new AnswerCitations(
      this.resolvers,
      ctx,
      evidence.map((one) => one.passage),
    );
  }

  /** Made of what it quotes only: that something else was found, nobody can tell from it. */
  private async quoted(turn: TurnContext, evidence: Evidence[], opening: string, nothing: string = SAYS.nothing): Promise<Answer> {
    const citations = this.citationsOf(turn, evidence);
    const quotes = await quotesOf(evidence, citations);
    if (quotes === '') return { status: 'complete', body: nothing, citations: [], sources: [], figures: NO_FIGURES };
    return {
      status: 'complete',
      body: `${opening}\n\n${quotes}`,
      citations: citations.all,
      sources: sourcesOf(citations.cited),
      figures: NO_FIGURES,
    };
  }

  private async generated(turn: TurnContext, evidence: Evidence[], history: ThreadHistory, signal: AbortSignal): Promise<Answer> {
    const passages = evidence.map((one) => one.passage);
    const sources = onceEach([...sourcesOf(passages), ...history.sources]);
    const place = { orgId: turn.ctx.orgId, channelId: turn.question.channelId, answerId: turn.answerId };
    const save = (text: string) => this.answers.saveProgress(turn.ctx, turn.answerId, text, sources);
    const grants = sources.map((source) => source.grants);
    const writing = new Writing(new AnswerText(place, grants, save, this.live), this.citationsOf(turn, evidence));
    const { id: agentId, instructions, model } = turn.agent;
    const { system, user } = promptOf(questionOf(turn.question.body), passages, instructions, history.turns);
    let figures = NO_FIGURES;
    const onPaid = (paid: Paid) => (figures = figuresOf(paid));
    const request = { system, messages: [{ role: 'user' as const, content: user }], model, signal };
    try {
      const finish = await this.stream(turn.ctx, writing, request, { agentId, purpose: 'answer', onPaid });
      if (writing.body.trim() === '') return { ...(await this.quoted(turn, evidence, SAYS.empty)), figures };
      const notes = [
        ...(finish === 'length' ? [SAYS.tooLong] : []),
        ...(finish === 'content-filter' ? [SAYS.filtered] : []),
        ...(writing.citations.backed ? [] : [UNBACKED]),
      ];
      return { status: 'complete', body: [writing.body.trim(), ...notes].join('\n\n'), citations: writing.citations.all, sources, figures };
    } catch (error) {
      if (signal.aborted || !isOfModels(error)) throw error;
      const failed = { status: 'failed', figures: { ...figures, failureCode: error.code } } as const;
      const plain = writing.plain.trim();
      // What is kept of a text that was cut has no numbers: its citations may be cut too.
      if (plain !== '') return { ...failed, body: `${plain}\n\n*The answer ends here. ${error.message}*`, citations: [], sources };
      return { ...(await this.quoted(turn, evidence, `${error.message}\n\n${SAYS.meanwhile}`, error.message)), ...failed };
    } finally {
      await writing.text.settle();
    }
  }

  private async stream(ctx: OrgContext, writing: Writing, request: ModelRequest, caller: ModelCaller): Promise<ModelFinish> {
    for await (const delta of this.models.stream(ctx, request, caller)) {
      if (delta.type === 'end') {
        await writing.end();
        return delta.finish;
      }
      await writing.push(delta.text);
      if (writing.body.length >= MAX_ANSWER_CHARS) break;
    }
    return 'length';
  }
}

/** What is looked for: the question as the thread explains it. */
function soughtIn({ question, agent }: TurnContext, { turns }: ThreadHistory): Pick<Message, 'id' | 'body'> {
  return { id: question.id, body: questionInThread(question.body, askedBy(turns, question.author, agent.id)) };
}

/** The pieces of the model's text on their way into the answer, each marker checked as it comes. */
class Writing {
  private readonly marked: MarkedText;
  /** The text without the numbers of citations. */
  plain = '';

  constructor(
    readonly text: AnswerText,
    readonly citations: AnswerCitations,
  ) {
    this.marked = new MarkedText(citations);
  }

  get body(): string {
    return this.text.text;
  }

  async push(delta: string): Promise<void> {
    this.write(await this.marked.push(delta));
  }

  async end(): Promise<void> {
    this.write(await this.marked.end());
  }

  private write({ text, plain }: MarkedPiece): void {
    this.plain += plain;
    this.text.add(text);
  }
}

const figuresOf = ({ provider, model, inputTokens, outputTokens, costMicros }: Paid): TurnFigures => ({
  failureCode: null,
  provider,
  model,
  inputTokens,
  outputTokens,
  costMicros: BigInt(costMicros),
});
