import type { Dispatcher } from 'undici';
import type { Secret } from '@atrium/platform/config';

/** What a turn has cost. `estimated`: the endpoint did not report at least one of the figures, so it is characters / 4. */
export interface ModelUsage {
  inputTokens: number;
  outputTokens: number;
  estimated: boolean;
}

export interface ModelOptions {
  /** The OpenAI-compatible root, such as `http://127.0.0.1:11434/v1`. */
  baseUrl: string;
  /** Sent as a bearer token; null for endpoints without one. A plain string is wrapped at once. */
  apiKey: Secret<string> | string | null;
  /**
   * Who dials the endpoint; throws what forbids its address. Default: anybody may, because the operator chose the address. For one that
   * others chose it must guard.
   */
  dispatcherFor?: (url: URL) => Dispatcher;
  /** The model's name at that endpoint. */
  model: string;
  /** How long one try may stay without any token. Seconds, default 20. */
  firstTokenSeconds?: number;
  /** How long the stream may pause between two tokens. Seconds, default 20. The reader's own pauses do not count. */
  idleSeconds?: number;
  /** How long all tries together may take, the reader's pauses included. Seconds, default 120. */
  deadlineSeconds?: number;
  /** How often to try while nothing was given on yet. Default 3. */
  attempts?: number;
  /** Asked of the endpoint as `max_tokens`. Default 2,000. */
  maxOutputTokens?: number;
  /** Where an answer is cut, whatever the endpoint does. Characters (reasoning counts), default 100,000. */
  maxOutputChars?: number;
  /** Called once per turn with what it cost, also when it failed or was cancelled. Must not throw. */
  onUsage?: (usage: ModelUsage) => void;
  /** When to stop asking an endpoint that keeps failing. Default: after 5 failed tries in a row, for 30 seconds. */
  circuit?: { failures: number; halfOpenSeconds: number };
  /** The first back-off between tries; it doubles, with jitter. Milliseconds, default 300. */
  backoffMs?: number;
}

/** A tool as a model is told of it. */
export interface ModelTool {
  name: string;
  description: string;
  /** JSON Schema of an object. */
  inputSchema: Record<string, unknown>;
}

/** A tool that the model wants to be called. Nothing of it is checked: the name may be unknown, `arguments` no JSON. */
export interface ModelCall {
  id: string;
  tool: string;
  arguments: string;
}

export type ModelMessage =
  | { role: 'user'; content: string }
  | { role: 'assistant'; content: string; calls?: ModelCall[] }
  /** What came of the call `id` of the message before. */
  | { role: 'tool'; id: string; tool: string; content: string };

export interface ModelRequest {
  system: string;
  messages: ModelMessage[];
  /** Default: none, and calls that the model makes nevertheless are only counted. */
  tools?: ModelTool[];
  /** Another model of the same endpoint. */
  model?: string | null;
  /** At most so many tokens of answer; default: the gateway's own limit. */
  maxOutputTokens?: number;
  /** Called once with what this turn cost, also when it failed, was cancelled or left early. Must not throw. */
  onUsage?: (usage: ModelUsage) => void;
  /** Stops the turn; the iteration then throws the signal's reason. */
  signal?: AbortSignal;
}

/** `length`: cut by the endpoint's limit, by `maxOutputChars`, or by the deadline while text was still coming. */
export type ModelFinish = 'stop' | 'length' | 'content-filter' | 'other';

/** `calls` of the end are the tools that the model wants to be called before it goes on. */
export type ModelDelta = { type: 'text'; text: string } | { type: 'end'; finish: ModelFinish; usage: ModelUsage; calls: ModelCall[] };
