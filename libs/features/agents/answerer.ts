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
import { MAX_ANSWER_CHARS, NO_MODEL } from './assistant.js';
import { type Evidence, EvidenceSearch, onceEach, sourcesOf } from './evidence.js';
import { quotesOf } from './extractive-answer.js';
import { inertText } from './inert-text.js';
import { type MarkedPiece, MarkedText, withoutNumbers } from './marked-text.js';
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
  unbacked: '*No statement of this answer could be checked against a document, message or memory: it is not backed by what I found.*',
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

  private async quoted(turn: TurnContext, evidence: Evidence[], opening: string): Promise<Answer> {
    const citations = this.citationsOf(turn, evidence);
    const quotes = await quotesOf(evidence, citations);
    if (quotes === '') return { status: 'complete', body: SAYS.nothing, citations: [], sources: [], figures: NO_FIGURES };
    return {
      status: 'complete',
      body: `${opening}\n\n${quotes}`,
      citations: citations.all,
      sources: sourcesOf(evidence),
      figures: NO_FIGURES,
    };
  }

  private async generated(turn: TurnContext, evidence: Evidence[], history: ThreadHistory, signal: AbortSignal): Promise<Answer> {
    const sources = onceEach([...sourcesOf(evidence), ...history.sources]);
    const place = { orgId: turn.ctx.orgId, channelId: turn.question.channelId, answerId: turn.answerId };
    const save = (text: string) => this.answers.saveProgress(turn.ctx, turn.answerId, text, sources);
    const grants = sources.map((source) => source.grants);
    const writing = new Writing(new AnswerText(place, grants, save, this.live), this.citationsOf(turn, evidence));
    const passages = evidence.map((one) => one.passage);
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
        ...(writing.citations.backed ? [] : [SAYS.unbacked]),
      ];
      return { status: 'complete', body: [writing.body.trim(), ...notes].join('\n\n'), citations: writing.citations.all, sources, figures };
    } catch (error) {
      if (signal.aborted || !isOfModels(error)) throw error;
      return {
        status: 'failed',
        body: await this.failedBody(turn, evidence, writing.plain, error.message),
        citations: [],
        sources,
        figures: { ...figures, failureCode: error.code },
      };
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

  /** A failed answer carries no citations, so what is kept of it has no numbers. */
  private async failedBody(turn: TurnContext, evidence: Evidence[], plain: string, reason: string): Promise<string> {
    if (plain.trim() !== '') return `${plain.trim()}\n\n*The answer ends here. ${reason}*`;
    const quotes = await quotesOf(evidence, this.citationsOf(turn, evidence));
    return quotes === '' ? reason : `${reason}\n\n${SAYS.meanwhile}\n\n${withoutNumbers(quotes)}`;
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
