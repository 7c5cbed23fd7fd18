import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '@atrium/platform/config';
import { Unavailable } from '@atrium/platform/errors';
import { Circuit, type Passage } from './circuit.js';
import { ModelEndpoint } from './model-endpoint.js';
import { failureOf, ModelFailure, toDomainError } from './model-failure.js';
import type { ModelCall, ModelDelta, ModelFinish, ModelOptions, ModelRequest, ModelUsage } from './model-options.js';
import { tokensOf, tokenWeight } from './token-estimate.js';
import { UsageMeter } from './usage-meter.js';

const MAX_RETRY_AFTER_SECONDS = 10;
const DEFAULTS = {
  firstTokenSeconds: 20,
  idleSeconds: 20,
  deadlineSeconds: 120,
  attempts: 3,
  maxOutputTokens: 2_000,
  maxOutputChars: 100_000,
  circuit: { failures: 5, halfOpenSeconds: 30 },
  backoffMs: 300,
};

/** What the tries of one call share. Times are of `performance.now()`. */
interface Turn {
  request: ModelRequest;
  meter: UsageMeter;
  deadlineAt: number;
  receivedChars: number;
  textGiven: boolean;
  /** Of the present try, by the endpoint's id. */
  calls: Map<string, ModelCall>;
}

type Parts = ReturnType<ModelEndpoint['open']>;
type Part = Extract<Awaited<ReturnType<Parts['next']>>, { done?: false }>['value'];
type Limited = ModelOptions & typeof DEFAULTS & { apiKey: Secret<string> | null };

/**
 * The one door to a language model. Every call ends by the deadline, with an `end` delta or with a DomainError of kind Unavailable
 * (`ai.unavailable`, `ai.timed_out`, `ai.rejected`, `ai.malformed`) whose `options.params.usage` says what was received.
 * One instance has one circuit: make one per endpoint, and one per organization that brings its own.
 */
export class ModelGateway {
  readonly configured: boolean;
  private readonly model: { options: Limited; endpoint: ModelEndpoint; circuit: Circuit } | null;

  /** `null`: there is no model; `configured` is false and `stream` throws `ai.unavailable`. */
  constructor(options: ModelOptions | null) {
    this.configured = options !== null;
    if (!options) {
      this.model = null;
      return;
    }
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ModelOptions;
    const apiKey = typeof given.apiKey === 'string' ? new Secret(given.apiKey) : given.apiKey;
    const limited = { ...DEFAULTS, ...given, apiKey };
    this.model = { options: limited, endpoint: new ModelEndpoint(limited), circuit: new Circuit(limited.circuit) };
  }

  /**
   * Streams one answer: text deltas, then one `end`. Tries again, with back-off, only while no text was given on.
   * Leaving the loop early stops the endpoint.
   */
  async *stream(request: ModelRequest): AsyncGenerator<ModelDelta, void, undefined> {
    if (!this.model) throw new Unavailable('ai.unavailable', 'No model is set up on this server.', { retryable: false });
    const { options } = this.model;
    const turn: Turn = {
      request,
      meter: new UsageMeter(promptTokens(request)),
      deadlineAt: performance.now() + options.deadlineSeconds * 1000,
      receivedChars: 0,
      textGiven: false,
      calls: new Map(),
    };
    try {
      for (let tried = 1; ; tried++) {
        try {
          const finish = yield* this.attempt(turn);
          yield { type: 'end', finish, usage: turn.meter.usage(), calls: request.tools?.length ? [...turn.calls.values()] : [] };
          return;
        } catch (error) {
          request.signal?.throwIfAborted();
          if (!(error instanceof ModelFailure)) throw error;
          const pauseMs = pauseBefore(tried, error, turn, options);
          if (pauseMs === null) throw toDomainError(error, turn.meter.usage());
          await sleep(pauseMs, undefined, { signal: request.signal }).catch(() => request.signal?.throwIfAborted());
          turn.meter.nextTry();
          turn.calls.clear();
        }
      }
    } finally {
      const usage = turn.meter.usage();
      options.onUsage?.(usage);
      request.onUsage?.(usage);
    }
  }

  /** What the turn uses at most, if it is not tried again. */
  estimate(request: ModelRequest): ModelUsage {
    const { maxOutputTokens } = present(this.model).options;
    const outputTokens = Math.min(maxOutputTokens, request.maxOutputTokens ?? maxOutputTokens);
    return { inputTokens: promptTokens(request), outputTokens, estimated: true };
  }

  /** Drops the connections; streams in flight fail. */
  async close(): Promise<void> {
    await this.model?.endpoint.close();
  }

  private async *attempt(turn: Turn): AsyncGenerator<ModelDelta, ModelFinish, undefined> {
    const { options, endpoint, circuit } = present(this.model);
    const passage = await circuit.enter();
    const stop = new AbortController();
    const { signal } = turn.request;
    try {
      const parts = endpoint.open(turn.request, signal ? AbortSignal.any([signal, stop.signal]) : stop.signal);
      const finish = yield* this.read(parts, turn, options, passage);
      passage.succeed();
      return finish;
    } catch (error) {
      const failure = failureOf(error);
      if (signal?.aborted || failure.code === 'ai.timed_out') turn.meter.giveUp();
      if (signal?.aborted) throw signal.reason;
      passage.fail(failure);
      throw failure;
    } finally {
      passage.abandon();
      stop.abort();
    }
  }

  private async *read(parts: Parts, turn: Turn, options: Limited, passage: Passage): AsyncGenerator<ModelDelta, ModelFinish, undefined> {
    let quietSince = performance.now();
    let patienceMs = options.firstTokenSeconds * 1000;
    for (;;) {
      const part = await nextWithin(parts, Math.min(quietSince + patienceMs, turn.deadlineAt), turn.request.signal);
      if (part === 'late') {
        if (turn.textGiven && quietSince + patienceMs >= turn.deadlineAt) return 'length';
        throw new ModelFailure('ai.timed_out', patienceName(turn, quietSince, patienceMs, options));
      }
      if (part === null) throw new ModelFailure('ai.unavailable', 'cut_short');
      if (part.type === 'error') throw part.error;
      if (part.type === 'raw') turn.meter.readReport(part.rawValue);
      if (part.type === 'finish') {
        turn.meter.finish();
        return finishOf(part.finishReason);
      }
      if (part.type === 'tool-input-start') turn.calls.set(part.id, { id: part.id, tool: part.toolName, arguments: '' });
      if (part.type === 'tool-input-delta') addArguments(turn.calls, part.id, part.delta);
      const received = textOf(part);
      if (received.length === 0) continue;

      const text = cutText(received, options.maxOutputChars - turn.receivedChars);
      turn.receivedChars += text.length;
      turn.meter.receive(text);
      if (part.type === 'text-delta' && text.length > 0) {
        if (passage.probe) passage.succeed();
        turn.textGiven = true;
        yield { type: 'text', text };
      }
      if (text.length < received.length || turn.receivedChars >= options.maxOutputChars) return 'length';
      quietSince = performance.now();
      patienceMs = options.idleSeconds * 1000;
    }
  }
}

/** Milliseconds until the next try, or null when this failure is final. */
function pauseBefore(tried: number, failure: ModelFailure, turn: Turn, options: Limited): number | null {
  if (turn.textGiven || !failure.worthRetrying || tried >= options.attempts || failure.reason === 'circuit_open') return null;
  const asked = failure.retryAfterSeconds ?? 0;
  if (asked > MAX_RETRY_AFTER_SECONDS) return null;
  const backoffMs = options.backoffMs * 2 ** (tried - 1) * (0.5 + Math.random());
  const pauseMs = Math.max(asked * 1000, backoffMs);
  return performance.now() + pauseMs < turn.deadlineAt ? pauseMs : null;
}

/** The next part, null at the end, `late` once the moment has passed. Does not trust the source to notice the signal. */
async function nextWithin<T>(parts: AsyncIterator<T>, until: number, signal: AbortSignal | undefined): Promise<T | null | 'late'> {
  signal?.throwIfAborted();
  const next = parts.next();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    const interrupted = new Promise<'late'>((resolve, reject) => {
      timer = setTimeout(() => resolve('late'), Math.max(0, until - performance.now()));
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    const result = await Promise.race([next, interrupted]);
    if (result === 'late') return result;
    return result.done ? null : result.value;
  } finally {
    next.catch(() => undefined);
    clearTimeout(timer);
    if (onAbort) signal?.removeEventListener('abort', onAbort);
  }
}

function patienceName(turn: Turn, quietSince: number, patienceMs: number, options: Limited): string {
  if (quietSince + patienceMs >= turn.deadlineAt) return 'deadline';
  return patienceMs === options.firstTokenSeconds * 1000 && !turn.textGiven ? 'first_token' : 'idle';
}

/** What the endpoint wrote, whether it is given on or only counted. */
function textOf(part: Part): string {
  if (part.type === 'text-delta' || part.type === 'reasoning-delta') return part.text;
  return part.type === 'tool-input-delta' ? part.delta : '';
}

function addArguments(calls: Turn['calls'], id: string, piece: string): void {
  const call = calls.get(id);
  if (call) call.arguments += piece;
}

function promptTokens({ system, messages, tools = [] }: ModelRequest): number {
  const said = messages.flatMap(({ content, ...rest }) => ('calls' in rest ? [content, JSON.stringify(rest.calls)] : [content]));
  const texts = [system, ...said, ...tools.map((one) => JSON.stringify(one))];
  return tokensOf(texts.reduce((sum, text) => sum + tokenWeight(text), 0));
}

function finishOf(reason: string): ModelFinish {
  return reason === 'stop' || reason === 'length' || reason === 'content-filter' ? reason : 'other';
}

/** At most `maxChars`, without leaving half of a surrogate pair. */
function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}

function present<T>(value: T | null): T {
  if (value === null) throw new Unavailable('ai.unavailable', 'No model is set up on this server.');
  return value;
}
