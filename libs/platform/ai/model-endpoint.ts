import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { jsonSchema, type ModelMessage as SdkMessage, streamText, tool, type ToolSet } from 'ai';
import { Agent, fetch, Headers, Response, type RequestInfo, type RequestInit } from 'undici';
import type { Secret } from '@atrium/platform/config';
import { eventLimit } from './event-limit.js';
import { ModelFailure } from './model-failure.js';
import type { ModelMessage, ModelOptions, ModelRequest, ModelTool } from './model-options.js';

/** A token of four characters comes in an event of some 250 bytes: the whole is ample for 100,000 characters. */
const STREAM_LIMITS = { maxEventBytes: 1024 * 1024, maxBytes: 64 * 1024 * 1024 };
const MAX_REFUSAL_BYTES = 64 * 1024;

/**
 * One OpenAI-compatible endpoint, without any patience of its own: no retries, no time limits (the gateway has them).
 * The key is added to the request here, after the client library is done with it, so no error of the library can hold it.
 */
export class ModelEndpoint {
  private readonly agent = new Agent({ connect: { timeout: 10_000 }, headersTimeout: 0, bodyTimeout: 0 });
  private readonly provider;

  constructor(
    private readonly options: Pick<ModelOptions, 'baseUrl' | 'model' | 'maxOutputTokens' | 'dispatcherFor'> & {
      apiKey: Secret<string> | null;
    },
  ) {
    this.provider = createOpenAICompatible({
      name: 'endpoint',
      baseURL: options.baseUrl,
      includeUsage: true,
      fetch: (input, init) => this.call(input as RequestInfo, init as RequestInit) as unknown as ReturnType<typeof globalThis.fetch>,
    });
  }

  /** The parts of one answer, raw chunks included. Errors come as parts of type `error`; nothing is sent before the first `next`. */
  open(request: ModelRequest, signal: AbortSignal) {
    return streamText({
      model: this.provider.chatModel(request.model ?? this.options.model),
      system: request.system,
      messages: request.messages.map(toSdk),
      ...(request.tools?.length ? { tools: toolSetOf(request.tools) } : {}),
      maxRetries: 0,
      maxOutputTokens: smaller(request.maxOutputTokens, this.options.maxOutputTokens),
      includeRawChunks: true,
      abortSignal: signal,
      onError: () => undefined,
    }).fullStream[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async call(input: RequestInfo, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.options.apiKey) authorize(headers, this.options.apiKey);
    const dispatcher = this.options.dispatcherFor?.(new URL(this.options.baseUrl)) ?? this.agent;
    const response = await fetch(input, { ...init, headers, redirect: 'manual', dispatcher });
    if (!response.ok) throw await refusal(response);
    if (!response.body) throw new ModelFailure('ai.malformed', 'empty_body');
    return new Response(response.body.pipeThrough(eventLimit(STREAM_LIMITS)), { status: response.status, headers: response.headers });
  }
}

/** The error of `Headers` quotes the value, so it must not leave this function. */
function authorize(headers: Headers, apiKey: Secret<string>): void {
  try {
    headers.set('authorization', `Bearer ${apiKey.reveal()}`);
  } catch {
    throw new ModelFailure('ai.rejected', 'key_is_no_header_value');
  }
}

async function refusal(response: Response): Promise<ModelFailure> {
  const reason = [String(response.status), await errorCode(response)].filter(Boolean).join(' ');
  const busy = response.status >= 500 || response.status === 429 || response.status === 408;
  return busy
    ? new ModelFailure('ai.unavailable', reason, retryAfter(response.headers.get('retry-after')))
    : new ModelFailure('ai.rejected', reason);
}

/** The endpoint's own short code, such as `model_not_found`. Its prose stays behind: it may quote the prompt or the key. */
async function errorCode(response: Response): Promise<string> {
  try {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      parts.push(part);
      bytes += part.length;
      if (bytes > MAX_REFUSAL_BYTES) return '';
    }
    const { error } = JSON.parse(Buffer.concat(parts).toString()) as { error?: { code?: unknown; type?: unknown } };
    const code = error?.code ?? error?.type;
    return typeof code === 'string' && /^[a-z_]{3,40}$/.test(code) ? code : '';
  } catch {
    return '';
  }
}

/** Seconds from a Retry-After of either form; undefined when there is none to understand. */
function retryAfter(header: string | null): number | undefined {
  if (!header) return undefined;
  const seconds = /^\d{1,6}$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** Without anything to execute: who asked runs the tools. */
const toolSetOf = (tools: readonly ModelTool[]): ToolSet =>
  Object.fromEntries(
    tools.map(({ name, description, inputSchema }) => [name, tool({ description, inputSchema: jsonSchema(inputSchema) })]),
  );

function toSdk(message: ModelMessage): SdkMessage {
  if (message.role === 'user') return message;
  if (message.role === 'tool') {
    const { id, tool: toolName, content } = message;
    return { role: 'tool', content: [{ type: 'tool-result', toolCallId: id, toolName, output: { type: 'text', value: content } }] };
  }
  const calls = message.calls ?? [];
  if (calls.length === 0) return { role: 'assistant', content: message.content };
  return {
    role: 'assistant',
    content: [
      ...(message.content === '' ? [] : [{ type: 'text' as const, text: message.content }]),
      ...calls.map((call) => ({ type: 'tool-call' as const, toolCallId: call.id, toolName: call.tool, input: inputOf(call.arguments) })),
    ],
  };
}

/** What a model wrote as arguments; an empty object in the place of what is no JSON. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
