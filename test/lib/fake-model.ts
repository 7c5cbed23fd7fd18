import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the fake does with one request. Times are milliseconds. */
export type FakeBehaviour =
  /** Answers, in chunks of `chunkChars` (default 8) with `delayMs` between them; `usage: null` reports none. */
  | { kind: 'text'; text: string; chunkChars?: number; delayMs?: number; finish?: string; usage?: FakeUsage | null }
  /** Calls these tools, `arguments` as they are when they are text; `text` comes before. */
  | { kind: 'call'; calls: { tool: string; arguments: unknown }[]; text?: string; usage?: FakeUsage }
  /** Whatever the function makes of the request. */
  | { kind: 'decide'; decide: (body: FakeCompletionRequest) => FakeBehaviour }
  /** Does whatever anything that it reads asks for: `obedientAnswer`. */
  | { kind: 'obey' }
  | { kind: 'status'; status: number; retryAfterSeconds?: number; code?: string }
  /** Says nothing for `ms` (default 30,000) after `afterText`, then hangs up. */
  | { kind: 'silence'; ms?: number; afterText?: string }
  /** Breaks the connection after so many characters, in the middle of an event. */
  | { kind: 'cut'; afterChars: number; text?: string }
  | { kind: 'badSse'; afterText?: string }
  /** One line of `bytes` (default 10 MB) that never becomes an event. */
  | { kind: 'hugeLine'; bytes?: number }
  | { kind: 'endless'; delayMs?: number }
  /** Calls tools that nobody offered, with arguments that are no JSON. */
  | { kind: 'toolCalls'; count: number; argumentChars?: number }
  /** 200 with JSON that is no completion. */
  | { kind: 'wrongJson' }
  /** An error event inside a stream that began with 200. */
  | { kind: 'errorEvent'; afterText?: string }
  | { kind: 'notHttp' };

export interface FakeUsage {
  prompt_tokens: number;
  completion_tokens: number;
}

export interface FakeRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** The parsed JSON; null for requests without a body. */
  body: FakeCompletionRequest | null;
  /** Settles when the client has left or the answer is complete. */
  closed: Promise<void>;
}

export interface FakeCompletionRequest {
  model: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  max_tokens?: number;
  messages: { role: string; content: string | { type: string; text?: string }[] | null; tool_call_id?: string }[];
  tools?: { type: string; function: { name: string; description?: string; parameters: unknown } }[];
}

export interface FakeModel {
  /** Give as `baseUrl` to the server under test. */
  baseUrl: string;
  /** Every request so far, `/models` included. */
  requests: FakeRequest[];
  /** Behaviours of the next completions, one each; afterwards it answers from the passages of the prompt (see `answerFromPassages`). */
  script(...behaviours: FakeBehaviour[]): void;
  /** What every completion does for which nothing is scripted, until `reset`. */
  always(behaviour: FakeBehaviour): void;
  /** Forgets requests and behaviours that were not used. */
  reset(): void;
  stop(): Promise<void>;
}

const DEFAULT_TEXT = 'This is the answer of the fake model, long enough to be cut in the middle of a word.';

/** A real server that speaks OpenAI's chat completions on a free port of 127.0.0.1. */
export async function startFakeModel(): Promise<FakeModel> {
  const requests: FakeRequest[] = [];
  const queue: FakeBehaviour[] = [];
  let usual: FakeBehaviour | null = null;
  const server = createServer((req, res) => {
    res.on('error', () => undefined);
    answer(req, res, requests, () => queue.shift() ?? usual).catch(() => res.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    script: (...behaviours) => void queue.push(...behaviours),
    always: (behaviour) => {
      usual = behaviour;
    },
    reset: () => {
      requests.length = 0;
      queue.length = 0;
      usual = null;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, requests: FakeRequest[], next: () => FakeBehaviour | null): Promise<void> {
  const closed = new Promise<void>((resolve) => res.once('close', resolve));
  const raw = await readAll(req);
  const body = raw ? (JSON.parse(raw) as FakeCompletionRequest) : null;
  requests.push({ method: req.method ?? '', path: req.url ?? '', headers: req.headers, body, closed });
  if (req.method === 'GET' && req.url?.endsWith('/models')) {
    return json(res, 200, { object: 'list', data: [{ id: 'fake', object: 'model', created: 0, owned_by: 'fake' }] });
  }
  if (req.method !== 'POST' || !req.url?.endsWith('/chat/completions') || !body) {
    return json(res, 404, { error: { message: 'There is no such path.', type: 'invalid_request_error', code: 'not_found' } });
  }
  await perform(next() ?? { kind: 'text', text: answerFromPassages(body) }, res, body);
}

async function perform(behaviour: FakeBehaviour, res: ServerResponse, body: FakeCompletionRequest): Promise<void> {
  switch (behaviour.kind) {
    case 'text':
      return body.stream ? streamText(res, body, behaviour) : json(res, 200, completion(body, behaviour));
    case 'call':
      return calls(res, body, behaviour);
    case 'decide':
      return perform(behaviour.decide(body), res, body);
    case 'obey':
      return perform({ kind: 'text', text: obedientAnswer(body), chunkChars: 5 }, res, body);
    case 'status':
      if (behaviour.retryAfterSeconds !== undefined) res.setHeader('retry-after', behaviour.retryAfterSeconds);
      return json(res, behaviour.status, { error: { message: 'Scripted failure.', type: 'error', code: behaviour.code ?? 'scripted' } });
    case 'silence':
      if (behaviour.afterText !== undefined) await sendText(res, body, behaviour.afterText);
      await pause(res, behaviour.ms ?? 30_000);
      return void res.destroy();
    case 'cut': {
      const text = (behaviour.text ?? DEFAULT_TEXT).slice(0, behaviour.afterChars);
      await sendText(res, body, text);
      await write(res, event(chunk(body, { content: 'half' })).slice(0, -12));
      await pause(res, 20);
      return void res.destroy();
    }
    case 'badSse':
      if (behaviour.afterText !== undefined) await sendText(res, body, behaviour.afterText);
      openStream(res);
      res.end('data: {"choices": [{"delta": {"content": "un\n\ndata: {{{\n\ndata: [DONE]\n\n');
      return;
    case 'hugeLine':
      return hugeLine(res, behaviour.bytes ?? 10 * 1024 * 1024);
    case 'endless':
      for (;;) {
        await sendText(res, body, 'on and on ');
        await pause(res, behaviour.delayMs ?? 0);
      }
    case 'toolCalls':
      return toolCalls(res, body, behaviour);
    case 'wrongJson':
      return json(res, 200, { hello: 'world' });
    case 'errorEvent':
      if (behaviour.afterText !== undefined) await sendText(res, body, behaviour.afterText);
      openStream(res);
      res.end(event({ error: { message: 'The engine is overloaded.', type: 'server_error', code: 'overloaded' } }) + 'data: [DONE]\n\n');
      return;
    case 'notHttp':
      res.socket?.end('SSH-2.0-OpenSSH_9.2p1\r\n');
  }
}

async function streamText(res: ServerResponse, body: FakeCompletionRequest, behaviour: FakeBehaviour & { kind: 'text' }): Promise<void> {
  const size = behaviour.chunkChars ?? 8;
  for (let at = 0; at < behaviour.text.length; at += size) {
    if (at > 0 && behaviour.delayMs) await pause(res, behaviour.delayMs);
    await sendText(res, body, behaviour.text.slice(at, at + size));
  }
  openStream(res);
  await write(res, event(chunk(body, {}, behaviour.finish ?? 'stop')));
  const usage = usageOf(body, behaviour);
  if (usage && body.stream_options?.include_usage) await write(res, event({ ...chunk(body, {}), choices: [], usage }));
  res.end('data: [DONE]\n\n');
}

async function calls(res: ServerResponse, body: FakeCompletionRequest, behaviour: FakeBehaviour & { kind: 'call' }): Promise<void> {
  if (behaviour.text !== undefined) await sendText(res, body, behaviour.text);
  openStream(res);
  for (const [index, { tool, arguments: args }] of behaviour.calls.entries()) {
    const call = { name: tool, arguments: typeof args === 'string' ? args : JSON.stringify(args) };
    await write(res, event(chunk(body, { tool_calls: [{ index, id: `call-${index}`, type: 'function', function: call }] })));
  }
  await write(res, event(chunk(body, {}, 'tool_calls')));
  const usage = behaviour.usage ?? { prompt_tokens: 10, completion_tokens: 5 };
  if (body.stream_options?.include_usage) await write(res, event({ ...chunk(body, {}), choices: [], usage }));
  res.end('data: [DONE]\n\n');
}

async function toolCalls(
  res: ServerResponse,
  body: FakeCompletionRequest,
  behaviour: FakeBehaviour & { kind: 'toolCalls' },
): Promise<void> {
  openStream(res);
  for (let index = 0; index < behaviour.count; index++) {
    const call = { name: 'no_such_tool', arguments: '{"broken'.padEnd(behaviour.argumentChars ?? 0, 'x') };
    await write(res, event(chunk(body, { tool_calls: [{ index, id: `call-${index}`, type: 'function', function: call }] })));
  }
  await write(res, event(chunk(body, {}, 'tool_calls')));
  res.end('data: [DONE]\n\n');
}

async function hugeLine(res: ServerResponse, bytes: number): Promise<void> {
  openStream(res);
  await write(res, 'data: {"choices":[{"delta":{"content":"');
  const block = 'x'.repeat(64 * 1024);
  for (let sent = 0; sent < bytes; sent += block.length) await write(res, block);
  res.end('"}}]}\n\ndata: [DONE]\n\n');
}

function completion(body: FakeCompletionRequest, behaviour: FakeBehaviour & { kind: 'text' }): object {
  const message = { role: 'assistant', content: behaviour.text };
  return {
    ...chunk(body, {}),
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: behaviour.finish ?? 'stop' }],
    usage: usageOf(body, behaviour) ?? undefined,
  };
}

/** Words, so that a test can tell a reported figure from an estimated one. */
function usageOf(body: FakeCompletionRequest, behaviour: FakeBehaviour & { kind: 'text' }): FakeUsage | null {
  if (behaviour.usage !== undefined) return behaviour.usage;
  const words = (text: string) => text.split(/\s+/).filter(Boolean).length;
  return { prompt_tokens: words(body.messages.map(textOf).join(' ')), completion_tokens: words(behaviour.text) };
}

/**
 * The default answer: one sentence that quotes the first passage `[1] …` of the prompt (a line that starts with `[1]`, the latest
 * message first) and cites it as `[1: "exact quote"]`. Without passages it says that it found nothing.
 */
export function answerFromPassages(body: Pick<FakeCompletionRequest, 'messages'>): string {
  for (const text of body.messages.map(textOf).reverse()) {
    const passage = /^[ \t]*\[1\][ \t]*([\s\S]*?)(?=^[ \t]*\[2\]|\n[ \t]*\n|(?![\s\S]))/m.exec(text)?.[1];
    const quote = passage && quoteFrom(passage);
    if (quote) return `The documents say: ${quote} [1: "${quote}"]`;
  }
  return 'I found nothing about this in the documents.';
}

/**
 * What the worst of models says: everything that it was told, commands included, as if each of them were its own words, and with everything
 * in the place of each `{data}`.
 */
export function obedientAnswer(body: Pick<FakeCompletionRequest, 'messages'>): string {
  const [told = ''] = body.messages.filter(({ role }) => role === 'user').map(textOf);
  return told.replaceAll('{data}', encodeURIComponent(told).slice(0, 300));
}

/** The first whole sentence of one line, else the passage's longest line: always a substring, and without double quotes. */
function quoteFrom(passage: string): string {
  const lines = passage.split('\n').flatMap((line) => line.split('"'));
  const sentence = lines.map((line) => /[^\s.!?][^.!?]{11,}[.!?](?=\s|$)/.exec(line)?.[0]).find(Boolean);
  const longest = lines.reduce((best, line) => (line.trim().length > best.length ? line.trim() : best), '');
  return (sentence ?? longest).slice(0, 300);
}

function textOf(message: FakeCompletionRequest['messages'][number]): string {
  if (message.content === null) return '';
  return typeof message.content === 'string' ? message.content : message.content.map((part) => part.text ?? '').join('\n');
}

function chunk(body: FakeCompletionRequest, delta: object, finish: string | null = null): object {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return { id: 'chatcmpl-fake', object: 'chat.completion.chunk', created: 0, model: body.model, choices };
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

function sendText(res: ServerResponse, body: FakeCompletionRequest, text: string): Promise<void> {
  openStream(res);
  return write(res, event(chunk(body, { content: text })));
}

function openStream(res: ServerResponse): void {
  if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
}

function json(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function write(res: ServerResponse, text: string): Promise<void> {
  if (res.destroyed) throw new Error('The client has left.');
  if (res.write(text)) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      res.off('drain', go).off('close', go);
      resolve();
    };
    res.on('drain', go).on('close', go);
  });
}

/** Like `sleep`, but ends with an error as soon as the client leaves. */
function pause(res: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = () => {
      clearTimeout(timer);
      reject(new Error('The client has left.'));
    };
    const timer = setTimeout(() => {
      res.off('close', left);
      resolve();
    }, ms);
    res.once('close', left);
  });
}

async function readAll(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
