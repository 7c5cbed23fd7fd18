import { inspect } from 'node:util';
import { DomainError } from '@atrium/platform/errors';
import { eventually } from '../../../test/lib/api.js';
import { startFakeModel, type FakeModel } from '../../../test/lib/fake-model.js';
import { ModelGateway, type ModelDelta, type ModelOptions, type ModelRequest, type ModelUsage } from './index.js';

const KEY = 'sk-never-show-this';
const ask: ModelRequest = { system: 'Be brief.', messages: [{ role: 'user', content: 'What is the answer?' }] };
const ESTIMATED_PROMPT = Math.ceil((ask.system.length + 'What is the answer?'.length) / 4);

let fake: FakeModel;
const opened: ModelGateway[] = [];

beforeAll(async () => {
  fake = await startFakeModel();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((gateway) => gateway.close()));
  fake.reset();
});
afterAll(() => fake.stop());

function gatewayWith(options: Partial<ModelOptions> = {}): ModelGateway {
  const gateway = new ModelGateway({ baseUrl: fake.baseUrl, apiKey: KEY, model: 'fake', backoffMs: 10, ...options });
  opened.push(gateway);
  return gateway;
}

interface Run {
  text: string;
  end: Extract<ModelDelta, { type: 'end' }> | undefined;
  error: DomainError | undefined;
  tookMs: number;
}

async function run(gateway: ModelGateway, request: ModelRequest = ask): Promise<Run> {
  const started = performance.now();
  const result: Run = { text: '', end: undefined, error: undefined, tookMs: 0 };
  try {
    for await (const delta of gateway.stream(request)) {
      if (delta.type === 'text') result.text += delta.text;
      else result.end = delta;
    }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    result.error = error;
  }
  result.tookMs = performance.now() - started;
  return result;
}

const usageOf = (error: DomainError | undefined) => error?.options.params?.usage as ModelUsage;

describe('a healthy endpoint', () => {
  it('streams the text and ends with what the endpoint reports', async () => {
    fake.script({ kind: 'text', text: 'Forty-two it is.', usage: { prompt_tokens: 11, completion_tokens: 7 } });
    const used: ModelUsage[] = [];

    const { text, end } = await run(gatewayWith({ maxOutputTokens: 99, onUsage: (usage) => used.push(usage) }));

    expect(text).toBe('Forty-two it is.');
    expect(end).toEqual({ type: 'end', finish: 'stop', usage: { inputTokens: 11, outputTokens: 7, estimated: false }, calls: [] });
    expect(used).toEqual([end?.usage]);
    expect(fake.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${KEY}` },
      body: { model: 'fake', stream: true, max_tokens: 99, messages: [{ role: 'system' }, { role: 'user' }] },
    });
  });

  it('gives on which tools the model wants, of those asks that offer some, and tells it what came of a call', async () => {
    fake.script({
      kind: 'call',
      calls: [
        { tool: 'look', arguments: { at: 'a' } },
        { tool: 'unknown', arguments: '{"broken' },
      ],
      text: 'Well.',
    });
    const tools = [{ name: 'look', description: 'Looks.', inputSchema: { type: 'object', properties: { at: { type: 'string' } } } }];
    const messages: ModelRequest['messages'] = [
      ...ask.messages,
      { role: 'assistant', content: '', calls: [{ id: 'c1', tool: 'look', arguments: '{"at":"z"}' }] },
      { role: 'tool', id: 'c1', tool: 'look', content: 'nothing' },
    ];

    const { text, end } = await run(gatewayWith({ maxOutputTokens: 99 }), { ...ask, messages, tools, model: 'other', maxOutputTokens: 50 });

    expect(text).toBe('Well.');
    expect(end?.calls).toEqual([
      { id: 'call-0', tool: 'look', arguments: '{"at":"a"}' },
      { id: 'call-1', tool: 'unknown', arguments: '{"broken' },
    ]);
    expect(fake.requests[0]?.body).toMatchObject({
      model: 'other',
      max_tokens: 50,
      tools: [{ function: { name: 'look', parameters: { properties: { at: { type: 'string' } } } } }],
      messages: [
        { role: 'system' },
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ id: 'c1' }] },
        { role: 'tool', tool_call_id: 'c1', content: 'nothing' },
      ],
    });
  });

  it('estimates the tokens when none are reported', async () => {
    fake.script({ kind: 'text', text: 'x'.repeat(41), usage: null });

    const { end } = await run(gatewayWith());

    expect(end?.usage).toEqual({ inputTokens: ESTIMATED_PROMPT, outputTokens: 11, estimated: true });
  });

  it('sends no authorization without a key', async () => {
    await run(gatewayWith({ apiKey: null }));

    expect(fake.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('answers by default from the first passage and cites it', async () => {
    const content = 'Question: when?\n\n[1] Handbook\nHolidays: thirty days a year are granted. More by law.\n[2] Other text.';

    const { text } = await run(gatewayWith(), { ...ask, messages: [{ role: 'user', content }] });

    const quote = /\[1: "([^"]+)"\]/.exec(text)?.[1];
    expect(quote).toBe('Holidays: thirty days a year are granted.');
    expect(content).toContain(quote);
  });

  it('stops the endpoint when the reader leaves the loop', async () => {
    fake.script({ kind: 'endless', delayMs: 5 });
    const used: ModelUsage[] = [];

    for await (const delta of gatewayWith({ onUsage: (usage) => used.push(usage) }).stream(ask)) {
      if (delta.type === 'text') break;
    }

    await fake.requests[0]?.closed;
    expect(used).toEqual([{ inputTokens: ESTIMATED_PROMPT, outputTokens: 3, estimated: true }]);
  });

  it('ends with the reason of the caller’s signal, at once', async () => {
    fake.script({ kind: 'silence' });
    const caller = new AbortController();
    const ended = expect(run(gatewayWith(), { ...ask, signal: caller.signal })).rejects.toThrow('cancelled by the user');

    const [request] = await eventually('the model is asked', () => Promise.resolve(fake.requests.length > 0 && fake.requests));
    caller.abort(new Error('cancelled by the user'));

    await ended;
    await request?.closed;
    expect(fake.requests).toHaveLength(1);
  });
});

describe('an endpoint that fails', () => {
  it('gives up on silence after the first-token limit, each try counted', async () => {
    fake.script({ kind: 'silence' }, { kind: 'silence' });

    const { error, tookMs } = await run(gatewayWith({ firstTokenSeconds: 0.15, attempts: 2 }));

    expect(error).toMatchObject({ kind: 'Unavailable', code: 'ai.timed_out', options: { params: { reason: 'first_token' } } });
    expect(usageOf(error)).toEqual({ inputTokens: 2 * ESTIMATED_PROMPT, outputTokens: 0, estimated: true });
    expect(fake.requests).toHaveLength(2);
    expect(tookMs).toBeLessThan(2000);
  });

  it('counts a try that was waited for in vain beside the one that answered', async () => {
    fake.script({ kind: 'silence' }, { kind: 'text', text: '四十二。', usage: { prompt_tokens: 11, completion_tokens: 7 } });
    const first = await run(gatewayWith({ firstTokenSeconds: 0.15, attempts: 2 }));
    expect(first.end?.usage).toEqual({ inputTokens: ESTIMATED_PROMPT + 11, outputTokens: 7, estimated: true });

    fake.script({ kind: 'status', status: 500 }, { kind: 'text', text: '四十二。', usage: null });
    const second = await run(gatewayWith({ attempts: 2 }));
    expect(second.end?.usage).toEqual({ inputTokens: ESTIMATED_PROMPT, outputTokens: 4, estimated: true });
  });

  it('ends at the deadline although more tries are left', async () => {
    fake.script({ kind: 'silence' });

    const { error } = await run(gatewayWith({ deadlineSeconds: 0.2 }));

    expect(error).toMatchObject({ code: 'ai.timed_out', options: { params: { reason: 'deadline' } } });
    expect(fake.requests).toHaveLength(1);
  });

  it('keeps and bills the text before a silence, and does not try again', async () => {
    fake.script({ kind: 'silence', afterText: 'Partly told' });

    const { text, error } = await run(gatewayWith({ idleSeconds: 0.15 }));

    expect(text).toBe('Partly told');
    expect(error).toMatchObject({ code: 'ai.timed_out', options: { params: { reason: 'idle' } } });
    expect(usageOf(error)).toEqual({ inputTokens: ESTIMATED_PROMPT, outputTokens: 3, estimated: true });
    expect(fake.requests).toHaveLength(1);
  });

  it('tries again after a 500 and answers', async () => {
    fake.script({ kind: 'status', status: 500 }, { kind: 'text', text: 'Now it works.' });

    const { text, error } = await run(gatewayWith());

    expect(error).toBeUndefined();
    expect(text).toBe('Now it works.');
  });

  it('gives up after three 500s', async () => {
    fake.script({ kind: 'status', status: 500 }, { kind: 'status', status: 502 }, { kind: 'status', status: 503, code: 'overloaded' });

    const { error } = await run(gatewayWith());

    expect(error).toMatchObject({ code: 'ai.unavailable', retryable: true, options: { params: { reason: '503 overloaded' } } });
    expect(fake.requests).toHaveLength(3);
  });

  it('waits for the Retry-After of a 429', async () => {
    fake.script({ kind: 'status', status: 429, retryAfterSeconds: 1 }, { kind: 'text', text: 'After a second.' });

    const { text, tookMs } = await run(gatewayWith());

    expect(text).toBe('After a second.');
    expect(tookMs).toBeGreaterThanOrEqual(990);
  });

  it('hands a long Retry-After to the caller instead of waiting', async () => {
    fake.script({ kind: 'status', status: 429, retryAfterSeconds: 60 });

    const { error } = await run(gatewayWith());

    expect(error).toMatchObject({ code: 'ai.unavailable', options: { retryAfterSeconds: 60 } });
    expect(fake.requests).toHaveLength(1);
  });

  it('does not repeat what the endpoint refuses', async () => {
    fake.script({ kind: 'status', status: 401, code: 'invalid_api_key' });

    const { error } = await run(gatewayWith());

    expect(error).toMatchObject({ code: 'ai.rejected', retryable: false, options: { params: { reason: '401 invalid_api_key' } } });
    expect(fake.requests).toHaveLength(1);
  });

  it('keeps and bills the text before a cut', async () => {
    fake.script({ kind: 'cut', afterChars: 20 });

    const { text, error } = await run(gatewayWith());

    expect(text).toHaveLength(20);
    expect(error?.code).toBe('ai.unavailable');
    expect(usageOf(error)).toEqual({ inputTokens: ESTIMATED_PROMPT, outputTokens: 5, estimated: true });
    expect(fake.requests).toHaveLength(1);
  });

  it.each([
    ['bad events', { kind: 'badSse' }, 'ai.malformed'],
    ['bad events after text', { kind: 'badSse', afterText: 'So far' }, 'ai.malformed'],
    ['JSON that is no completion', { kind: 'wrongJson' }, 'ai.malformed'],
    ['another protocol', { kind: 'notHttp' }, 'ai.malformed'],
    ['an error inside the stream', { kind: 'errorEvent', afterText: 'So far' }, 'ai.unavailable'],
  ] as const)('names %s', async (_what, behaviour, code) => {
    fake.script(behaviour);

    const { text, error } = await run(gatewayWith());

    expect(error).toMatchObject({ kind: 'Unavailable', code });
    expect(text).toBe('afterText' in behaviour ? 'So far' : '');
    expect(fake.requests).toHaveLength(1);
  });

  it('reads no more than a megabyte of an endless line', async () => {
    fake.script({ kind: 'hugeLine', bytes: 64 * 1024 * 1024 });
    const before = process.memoryUsage().rss;

    const { error } = await run(gatewayWith());

    expect(error).toMatchObject({ code: 'ai.malformed', options: { params: { reason: 'event_too_large' } } });
    await fake.requests[0]?.closed;
    expect(process.memoryUsage().rss - before).toBeLessThan(40 * 1024 * 1024);
  });

  it('refuses the 10 MB line', async () => {
    fake.script({ kind: 'hugeLine' });

    expect((await run(gatewayWith())).error?.code).toBe('ai.malformed');
  });

  it('cuts an endless stream at the character limit', async () => {
    fake.script({ kind: 'endless' });

    const { text, end } = await run(gatewayWith({ maxOutputChars: 1234 }));

    expect(text).toHaveLength(1234);
    expect(end).toMatchObject({ finish: 'length', usage: { outputTokens: Math.ceil(1234 / 4), estimated: true } });
    await fake.requests[0]?.closed;
  });

  it('cuts an endless stream at the deadline', async () => {
    fake.script({ kind: 'endless', delayMs: 10 });

    const { text, end, tookMs } = await run(gatewayWith({ deadlineSeconds: 0.4 }));

    expect(text).toMatch(/^on and on /);
    expect(end?.finish).toBe('length');
    expect(tookMs).toBeLessThan(2000);
  });

  it('gives no tool call on, and ends when the endpoint is done with a thousand of them', async () => {
    fake.script({ kind: 'toolCalls', count: 1000 });

    const { text, end } = await run(gatewayWith());

    expect(text).toBe('');
    expect(end).toMatchObject({ finish: 'other', usage: { estimated: true } });
    expect(end?.usage.outputTokens).toBeGreaterThan(1000);
  });

  it('cuts endless arguments of tool calls at the character limit', async () => {
    fake.script({ kind: 'toolCalls', count: 10_000, argumentChars: 10_000 });

    const { end } = await run(gatewayWith());

    expect(end).toMatchObject({ finish: 'length', usage: { outputTokens: 25_000 } });
  });

  it('ends with the reason of the caller’s signal during a pause between tries', async () => {
    fake.script({ kind: 'status', status: 429, retryAfterSeconds: 5 });
    const caller = new AbortController();
    setTimeout(() => caller.abort(new Error('cancelled by the user')), 100);

    await expect(run(gatewayWith(), { ...ask, signal: caller.signal })).rejects.toThrow('cancelled by the user');
  });

  it('refuses a key that is no header value, without showing it', async () => {
    const { error } = await run(gatewayWith({ apiKey: `${KEY}\n–` }));

    expect(error).toMatchObject({ code: 'ai.rejected', options: { params: { reason: 'key_is_no_header_value' } } });
    expect(inspect(error, { depth: 12 })).not.toContain(KEY);
  });

  it('is unavailable when nothing listens', async () => {
    const gone = await startFakeModel();
    await gone.stop();

    const { error } = await run(gatewayWith({ baseUrl: gone.baseUrl, attempts: 2 }));

    expect(error).toMatchObject({ code: 'ai.unavailable', options: { params: { reason: 'ECONNREFUSED' } } });
  });

  it('shows the key and the prompt to nobody', async () => {
    fake.script({ kind: 'status', status: 401 }, { kind: 'badSse' });
    const gateway = gatewayWith();

    const shown = [(await run(gateway)).error, (await run(gateway)).error, gateway].map((one) =>
      inspect(one, { depth: 12, showHidden: true }),
    );

    expect(shown.join('\n')).not.toContain(KEY);
    expect(shown.slice(0, 2).join('\n')).not.toContain('What is the answer?');
  });
});

describe('the circuit', () => {
  const failing = { attempts: 1, circuit: { failures: 5, halfOpenSeconds: 0.6 } };

  async function opened5(): Promise<ModelGateway> {
    const gateway = gatewayWith(failing);
    for (let n = 0; n < 5; n++) {
      fake.script({ kind: 'status', status: 500 });
      await run(gateway);
    }
    return gateway;
  }

  it('opens after five failures in a row, and then asks no more', async () => {
    const gateway = await opened5();

    const { error } = await run(gateway);

    expect(error).toMatchObject({ code: 'ai.unavailable', options: { params: { reason: 'circuit_open' } } });
    expect(fake.requests).toHaveLength(5);
  });

  it('lets one through after the pause, and closes when it answers', async () => {
    const gateway = await opened5();
    await new Promise((resolve) => setTimeout(resolve, 650));
    fake.script({ kind: 'silence', afterText: '', ms: 150 });
    const probe = run(gateway);
    const beside = await run(gateway);
    expect(beside.error).toMatchObject({ options: { params: { reason: 'circuit_open' } } });
    expect((await probe).error?.code).toBe('ai.unavailable');
    expect((await run(gateway)).error).toMatchObject({ options: { params: { reason: 'circuit_open' } } });
    expect(fake.requests).toHaveLength(6);

    await new Promise((resolve) => setTimeout(resolve, 650));
    fake.script({ kind: 'text', text: 'Back again.' });

    expect((await run(gateway)).text).toBe('Back again.');
    expect((await run(gateway)).error).toBeUndefined();
  });

  it('counts streams that break after the first text', async () => {
    const gateway = gatewayWith(failing);
    for (let n = 0; n < 5; n++) {
      fake.script({ kind: 'cut', afterChars: 10 });
      await run(gateway);
    }

    expect((await run(gateway)).error).toMatchObject({ options: { params: { reason: 'circuit_open' } } });
  });

  it('does not count refusals, nor readers who leave', async () => {
    const gateway = gatewayWith(failing);
    for (let n = 0; n < 6; n++) {
      fake.script({ kind: 'status', status: 400 }, { kind: 'endless', delayMs: 5 });
      await run(gateway);
      for await (const delta of gateway.stream(ask)) if (delta.type === 'text') break;
    }

    expect((await run(gateway)).error).toBeUndefined();
  });

  it('is one per gateway', async () => {
    await opened5();

    expect((await run(gatewayWith())).error).toBeUndefined();
  });
});

describe('no endpoint', () => {
  it('says so', async () => {
    const gateway = new ModelGateway(null);

    expect(gateway.configured).toBe(false);
    expect((await run(gateway)).error).toMatchObject({ code: 'ai.unavailable', retryable: false });
  });
});
