import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { Agent, fetch } from 'undici';
import type { Secret } from '@atrium/platform/config';
import { type Embedder, EmbeddingFailure, type EmbeddingPurpose, type EmbeddingSpace, unitVector } from './embedder.js';

const MAX_DIMENSIONS = 3_072;
/** 128 vectors of 3,072 numbers in digits, with room. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Longer texts are cut: endpoints refuse what exceeds their window. Characters. */
const MAX_CHARS = 8_000;
const MAX_RETRY_AFTER_SECONDS = 5;
/** Asking at once again would not help. */
const FINAL = new Set(['circuit_open', 'timed_out', 'cancelled']);

interface Protocol {
  path: string;
  request(model: string, input: string[]): object;
  /** One value per text, in order, of an answer that may be anything. */
  vectors(answer: unknown): unknown;
}

const PROTOCOLS = {
  openai: {
    path: '/embeddings',
    request: (model, input) => ({ model, input, encoding_format: 'float' }),
    vectors: (answer) => inOrder((answer as { data?: unknown } | null)?.data),
  },
  ollama: {
    path: '/api/embed',
    request: (model, input) => ({ model, input, truncate: true }),
    vectors: (answer) => (answer as { embeddings?: unknown } | null)?.embeddings,
  },
} satisfies Record<string, Protocol>;

export interface EndpointOptions {
  /**
   * The root of the protocol: `http://127.0.0.1:11434/v1` of Ollama's OpenAI door, `http://127.0.0.1:11434` of its own. The operator chose it,
   * so it may be a private address.
   */
  baseUrl: string;
  /** `openai`, the default: `POST /embeddings`. `ollama`: `POST /api/embed`. */
  protocol?: keyof typeof PROTOCOLS;
  apiKey: Secret<string> | null;
  model: string;
  /** How long one try may take. Seconds, default 20. A question's own signal is shorter. */
  trySeconds?: number;
  /** How often to try passages. Default 3; questions are asked once. */
  attempts?: number;
  /** When to stop asking an endpoint that keeps failing. Default: after 5 failures in a row, for 15 seconds. */
  circuit?: { failures: number; halfOpenSeconds: number };
}

/** Vectors of an endpoint that speaks the protocol of OpenAI (OpenAI, vLLM, text-embeddings-inference, Ollama and others) or of Ollama. */
export class EndpointEmbedder implements Embedder {
  readonly weight = 0.5;
  readonly nearEnough = 0.5;
  private readonly agent = new Agent({ connect: { timeout: 5_000 } });
  private readonly circuit;
  private known: EmbeddingSpace | undefined;

  constructor(private readonly options: EndpointOptions) {
    const { failures, halfOpenSeconds } = options.circuit ?? { failures: 5, halfOpenSeconds: 15 };
    const counts = (error: Error) => error instanceof EmbeddingFailure && error.fault !== 'texts' && error.reason !== 'cancelled';
    this.circuit = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: halfOpenSeconds * 1_000,
      breaker: new ConsecutiveBreaker(failures),
    });
  }

  async space(): Promise<EmbeddingSpace> {
    if (this.known) return this.known;
    const [vector] = await this.guarded(['Which size do your vectors have?']);
    const dimensions = vector?.length ?? 0;
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS) throw new EmbeddingFailure('wrong_dimensions', 'answer');
    return (this.known = { provider: new URL(this.options.baseUrl).host, model: this.options.model, dimensions });
  }

  async embed(texts: readonly string[], purpose: EmbeddingPurpose, signal?: AbortSignal): Promise<Float32Array[]> {
    const { dimensions } = await this.space();
    const attempts = purpose === 'query' ? 1 : (this.options.attempts ?? 3);
    for (let tried = 1; ; tried++) {
      try {
        return (await this.guarded(texts, signal)).map((vector) => unitVector(vector, dimensions));
      } catch (error) {
        if (!(error instanceof EmbeddingFailure) || error.fault === 'texts' || FINAL.has(error.reason) || tried >= attempts) throw error;
        await sleep(1_000 * Math.min(error.retryAfterSeconds ?? 0.2 * 2 ** tried, MAX_RETRY_AFTER_SECONDS));
      }
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async guarded(texts: readonly string[], signal?: AbortSignal): Promise<number[][]> {
    try {
      return await this.circuit.execute(() => this.ask(texts, signal));
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw new EmbeddingFailure('circuit_open', 'endpoint');
      throw error;
    }
  }

  private async ask(texts: readonly string[], signal?: AbortSignal): Promise<number[][]> {
    const { path, request, vectors }: Protocol = PROTOCOLS[this.options.protocol ?? 'openai'];
    const patience = AbortSignal.timeout((this.options.trySeconds ?? 20) * 1_000);
    try {
      const response = await fetch(`${this.options.baseUrl.replace(/\/+$/, '')}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...this.authorization() },
        body: JSON.stringify(
          request(
            this.options.model,
            texts.map((text) => text.slice(0, MAX_CHARS)),
          ),
        ),
        redirect: 'manual',
        dispatcher: this.agent,
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
      });
      if (!response.ok) throw refusal(response.status, response.headers.get('retry-after'));
      return checked(vectors(parsed(await bounded(response.body))), texts.length);
    } catch (error) {
      if (error instanceof EmbeddingFailure) throw error;
      if (patience.aborted) throw new EmbeddingFailure('timed_out', 'answer');
      // What the library says may hold the key or the text: it stays behind.
      throw new EmbeddingFailure(signal?.aborted ? 'cancelled' : networkCode(error), 'endpoint');
    }
  }

  private authorization(): Record<string, string> {
    return this.options.apiKey ? { authorization: `Bearer ${this.options.apiKey.reveal()}` } : {};
  }
}

/** A model that is not there, a key that is not right: they say nothing of the texts. */
function refusal(status: number, retryAfter: string | null): EmbeddingFailure {
  const fault = [400, 413, 422].includes(status) ? 'texts' : status === 500 ? 'answer' : 'endpoint';
  const seconds = retryAfter && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  return new EmbeddingFailure(`status_${status}`, fault, seconds);
}

async function bounded(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES) throw new EmbeddingFailure('answer_too_large', 'answer');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EmbeddingFailure('no_json', 'answer');
  }
}

/** The vectors of OpenAI's answer, each at the place that it names. */
function inOrder(data: unknown): unknown {
  if (!Array.isArray(data)) return data;
  const entries = data as ({ index?: unknown; embedding?: unknown } | null)[];
  const places = new Map(entries.map((entry, at) => [typeof entry?.index === 'number' ? entry.index : at, entry?.embedding]));
  return entries.map((_, at) => places.get(at));
}

function checked(vectors: unknown, count: number): number[][] {
  if (!Array.isArray(vectors) || vectors.length !== count) throw new EmbeddingFailure('wrong_count', 'answer');
  for (const vector of vectors as unknown[]) {
    if (vector === undefined) throw new EmbeddingFailure('wrong_count', 'answer');
    if (!Array.isArray(vector) || !vector.every((value) => typeof value === 'number')) throw new EmbeddingFailure('not_a_number', 'answer');
  }
  return vectors as number[][];
}

function networkCode(error: unknown): string {
  const code = ((error as { cause?: { code?: unknown } }).cause ?? (error as { code?: unknown })).code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? code : 'failed';
}
