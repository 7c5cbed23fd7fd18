import { PassThrough, type Readable } from 'node:stream';
import { once } from 'node:events';
import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import {
  type Agent,
  type AgentId,
  type AgentRun,
  type ChatAnnotation,
  type ChatCompletion,
  type ChatCompletionRequest,
  type Citation,
  type OpenAiModelList,
  StartAgentRun,
} from '@atrium/contracts';
import type { ModelFinish } from '@atrium/platform/ai';
import { CONFIG, type Config, publicUrl } from '@atrium/platform/config';
import { openAiError } from '@atrium/platform/http';
import { Conflict, DomainError, QuotaExceeded, toProblem, Unauthenticated, Unavailable } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import { Authenticator, type OrgContext } from '@atrium/platform/tenancy';
import { AgentRunner, type AnswerDelta, type Asked } from '../agent-runner.js';
import type { AgentRow } from '../agent.repository.js';
import { AgentsQueries } from '../agents.queries.js';
import { ASSISTANT } from '../assistant.js';
import { inertText } from '../inert-text.js';
import { AgentRunFollower } from '../run-follower.js';
import { AgentRunsService } from '../runs.service.js';
import { askedOf, promptFor } from './conversation.js';

/** Answers under way at once in this process, of one organization and in all. */
const MAX_OPEN = { organization: 8, total: 64 };
/** How long a run is waited for. Seconds: without a stream, clients and proxies give up after two minutes. */
const WAIT_SECONDS = { whole: 110, stream: 600 };
const HEARTBEAT_MS = 10_000;
/** A reader that takes nothing for so long is cut. Milliseconds. */
const STUCK_MS = 10_000;
/** How often a stream asks whether its credential is still valid. Milliseconds. */
const CHECK_MS = 2_000;
const PROMPT_CHARS = 32_000;

/** What all pieces of one answer share. */
interface Frame {
  id: string;
  created: number;
  model: string;
}
type End = Extract<AnswerDelta, { type: 'end' }>;
/** The client takes nothing. */
class TooSlow extends Error {}

/** Agents as models of the OpenAI protocol. The assistant answers from what the caller may read; another agent works in a run. */
@Injectable()
export class CompletionsService {
  private readonly open = new Map<string, number>();
  private total = 0;

  constructor(
    private readonly runner: AgentRunner,
    private readonly runs: AgentRunsService,
    private readonly follower: AgentRunFollower,
    private readonly agents: AgentsQueries,
    private readonly authenticator: Authenticator,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The active agents. */
  async models(ctx: OrgContext): Promise<OpenAiModelList['data']> {
    const active: Agent[] = [];
    for (let cursor: string | undefined; ;) {
      const { data, nextCursor } = await this.agents.list(ctx, { status: 'active', limit: 200, cursor });
      active.push(...data);
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    return active.map(({ name, createdAt }) => ({
      id: name,
      object: 'model',
      created: unix(new Date(createdAt)),
      owned_by: 'organization',
    }));
  }

  /**
   * The whole answer.
   * @throws NotFound `agents.not_found`, Invalid `request.invalid`, QuotaExceeded `request.rate_limited`, Unavailable `ai.*`, and as a start of a run does
   */
  async complete(ctx: OrgContext, request: ChatCompletionRequest, signal: AbortSignal): Promise<ChatCompletion> {
    const leave = this.enter(ctx);
    try {
      const agent = await this.runner.agentOf(ctx, request.model);
      let content = '';
      for await (const delta of await this.begin(ctx, agent, askedOf(request), false, signal)) {
        if (delta.type === 'text') content += inertText(delta.text, content);
        else return this.completion(newFrame(request), content, delta);
      }
      throw new Unavailable('ai.malformed', 'The answer has no end.');
    } finally {
      leave();
    }
  }

  /**
   * The answer as server-sent events. What fails before it begins is thrown as by `complete`; what fails later is its last event, also that
   * the credential is not valid any more. A reader that takes nothing for 10 seconds is cut.
   */
  async stream(ctx: OrgContext, request: ChatCompletionRequest, signal: AbortSignal): Promise<Readable> {
    const place = this.enter(ctx);
    const validity = this.validityOf(ctx);
    const leave = () => {
      validity.stop();
      place();
    };
    try {
      const agent = await this.runner.agentOf(ctx, request.model);
      const deltas = await this.begin(ctx, agent, askedOf(request), true, AbortSignal.any([signal, validity.signal]));
      const body = new PassThrough();
      void this.write(ctx, body, newFrame(request), deltas, request.stream_options?.include_usage === true, signal).finally(leave);
      return body;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Aborts when the credential of `ctx` is not valid any more. */
  private validityOf(ctx: OrgContext): { signal: AbortSignal; stop(): void } {
    const over = new AbortController();
    const check = async () => {
      // A database that is away says nothing about the credential.
      if (await this.authenticator.isCurrent(ctx).catch(() => true)) return;
      over.abort(new Unauthenticated('auth.invalid_token', 'The credential of this stream is not valid any more.'));
    };
    const timer = setInterval(() => void check(), CHECK_MS);
    return { signal: over.signal, stop: () => clearInterval(timer) };
  }

  private enter({ orgId }: OrgContext): () => void {
    const mine = this.open.get(orgId) ?? 0;
    if (mine >= MAX_OPEN.organization || this.total >= MAX_OPEN.total)
      throw new QuotaExceeded('request.rate_limited', 'Too many answers are being written. Try again in a moment.', {
        retryAfterSeconds: 2,
      });
    this.open.set(orgId, mine + 1);
    this.total += 1;
    return () => {
      const left = (this.open.get(orgId) ?? 1) - 1;
      if (left === 0) this.open.delete(orgId);
      else this.open.set(orgId, left);
      this.total -= 1;
    };
  }

  /** With tools of the application, or as the assistant, the model answers here; else the agent works in a run, with its own tools. */
  private async begin(ctx: OrgContext, agent: AgentRow, asked: Asked, isStream: boolean, signal: AbortSignal) {
    const here = agent.name === ASSISTANT.name || (asked.tools ?? []).length > 0 || (asked.after ?? []).length > 0;
    if (here) return this.runner.stream(ctx, agent, asked, signal);
    const input = StartAgentRun.safeParse({ prompt: promptFor(asked, PROMPT_CHARS) });
    if (!input.success)
      throw new QuotaExceeded('request.too_large', `The task is longer than ${PROMPT_CHARS} characters.`, { status: 413 });
    // What was said before may hold what others wrote.
    const tainted = (asked.before ?? []).length > 0;
    const run = await this.runs.start(ctx, agent.id as AgentId, input.data, { kind: 'manual', tainted });
    return this.outcome(ctx, run, isStream, signal);
  }

  /** In a stream what the agent says on the way to its answer comes too, as it is said. */
  private async *outcome(ctx: OrgContext, { id }: AgentRun, isStream: boolean, signal: AbortSignal): AsyncGenerator<AnswerDelta> {
    const seconds = isStream ? WAIT_SECONDS.stream : WAIT_SECONDS.whole;
    let said = '';
    let run: AgentRun | undefined;
    for await (const told of this.follower.follow(ctx, id, seconds, signal)) {
      if (told.type === 'settled') run = told.run;
      else if (isStream) {
        said = '\n\n';
        yield told;
      }
    }
    if (!run) throw new Error('a run that is followed is settled at last');
    const asks = run.steps.find(({ status, approvalId }) => status === 'waiting' && approvalId !== null);
    if (run.failure?.code === 'models.budget_exceeded')
      throw new QuotaExceeded('models.budget_exceeded', run.failure.message, { retryable: false });
    if (run.status === 'failed' || run.status === 'cancelled')
      throw new Conflict('agents.run_failed', `Run ${id} ended as ${run.status}. ${run.failure?.message ?? ''}`.trim());
    if (run.endedAt === null && !asks)
      throw new Unavailable('ai.timed_out', `Run ${id} is still under way: see /v1/agent-runs/${id}.`, { retryable: false });
    if (asks)
      yield {
        type: 'text',
        text: `${said}I ask for leave to use ${asks.tool}. Run ${id} goes on when approval ${asks.approvalId} is decided.`,
      };
    else if (!isStream) yield { type: 'text', text: run.output ?? '' };
    const usage = { inputTokens: run.inputTokens, outputTokens: run.outputTokens, estimated: false };
    yield { type: 'end', finish: 'stop', usage, calls: [], citations: [] };
  }

  private async write(
    ctx: OrgContext,
    body: PassThrough,
    frame: Frame,
    deltas: AsyncGenerator<AnswerDelta>,
    withUsage: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const say = async (piece: unknown) => {
      if (body.write(`data: ${typeof piece === 'string' ? piece : JSON.stringify(piece)}\n\n`)) return;
      const stuck = AbortSignal.timeout(STUCK_MS);
      await once(body, 'drain', { signal: AbortSignal.any([signal, stuck]) }).catch((error: unknown) => {
        throw stuck.aborted ? new TooSlow() : error;
      });
    };
    const chunk = (delta: object, finish: string | null = null) =>
      say({ ...frame, object: 'chat.completion.chunk', choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] });
    const heartbeat = setInterval(() => body.writableNeedDrain || body.write(': still working\n\n'), HEARTBEAT_MS);
    try {
      await chunk({ role: 'assistant', content: '' });
      let content = '';
      for await (const delta of deltas) {
        if (delta.type === 'end') {
          const { finish_reason, message, usage } = this.ending(content, delta);
          const calls = message.tool_calls?.map((call, index) => ({ index, ...call }));
          await chunk(
            { annotations: message.annotations, citations: message.citations, ...(calls ? { tool_calls: calls } : {}) },
            finish_reason,
          );
          if (withUsage) await say({ ...frame, object: 'chat.completion.chunk', choices: [], usage });
          break;
        }
        const text = inertText(delta.text, content);
        content += text;
        await chunk({ content: text });
      }
      await say('[DONE]');
    } catch (error) {
      if (error instanceof TooSlow) body.destroy();
      if (signal.aborted || body.destroyed) return;
      if (!(error instanceof DomainError)) this.log.fault('an answer failed', error, { orgId: ctx.orgId });
      await say(openAiError(toProblem(error, { instance: '/openai/v1/chat/completions', requestId: ctx.requestId }))).catch(() =>
        body.destroy(),
      );
    } finally {
      clearInterval(heartbeat);
      body.end();
    }
  }

  private completion(frame: Frame, content: string, end: End): ChatCompletion {
    const { finish_reason, message, usage } = this.ending(content, end);
    return { ...frame, object: 'chat.completion', choices: [{ index: 0, finish_reason, logprobs: null, message }], usage };
  }

  private ending(content: string, { finish, calls, usage, citations }: End) {
    const { inputTokens: prompt_tokens, outputTokens: completion_tokens } = usage;
    const asked = calls.map(({ id, tool, arguments: args }) => ({
      id,
      type: 'function' as const,
      function: { name: tool, arguments: args || '{}' },
    }));
    return {
      finish_reason: asked.length > 0 ? ('tool_calls' as const) : finishOf(finish),
      message: {
        role: 'assistant' as const,
        content: content === '' && asked.length > 0 ? null : content,
        refusal: null,
        annotations: annotationsOf(content, citations, publicUrl(this.config)),
        citations,
        ...(asked.length > 0 ? { tool_calls: asked } : {}),
      },
      usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
    };
  }
}

const unix = (at: Date): number => Math.floor(at.getTime() / 1_000);
const newFrame = ({ model }: ChatCompletionRequest): Frame => ({ id: `chatcmpl-${uuidv7()}`, created: unix(new Date()), model });
const finishOf = (finish: ModelFinish): 'length' | 'content_filter' | 'stop' =>
  finish === 'length' ? 'length' : finish === 'content-filter' ? 'content_filter' : 'stop';

/** Each mark `[1]` of the content with what it cites. */
function annotationsOf(content: string, citations: readonly Citation[], base: string): ChatAnnotation[] {
  return [...content.matchAll(/\[(\d{1,3})\]/g)].flatMap((mark) => {
    const cited = citations[Number(mark[1]) - 1];
    if (!cited) return [];
    const place = { start_index: mark.index, end_index: mark.index + mark[0].length };
    return [{ type: 'url_citation', url_citation: { ...place, title: cited.title, url: `${base}/v1/${pathOf(cited)}` } }];
  });
}

function pathOf(cited: Citation): string {
  if (cited.kind === 'message') return `messages/${cited.messageId}`;
  if (cited.kind === 'memory') return `memories/${cited.memoryId}`;
  const { documentId, version, page } = cited;
  return `documents/${documentId}/content?version=${version}${page === null ? '' : `#page=${page}`}`;
}
