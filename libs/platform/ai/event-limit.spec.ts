import { eventLimit } from './event-limit.js';

async function pass(parts: string[], limits = { maxEventBytes: 20, maxBytes: 1000 }): Promise<string> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(Buffer.from(part));
      controller.close();
    },
  });
  let text = '';
  for await (const part of source.pipeThrough(eventLimit(limits))) text += Buffer.from(part).toString();
  return text;
}

describe('eventLimit', () => {
  it.each([
    ['\n', 'data: 12345678\n\n'],
    ['\r\n', 'data: 1234567\r\n\r\n'],
    ['\r', 'data: 12345678\r\r'],
  ])('passes many small events with the line end %j', async (_end, event) => {
    const whole = event.repeat(30);

    expect(await pass([...whole])).toBe(whole);
    expect(await pass([whole])).toBe(whole);
  });

  it.each([
    ['one long line', `data: ${'x'.repeat(30)}`],
    ['lines without a blank one', 'data: 1\n'.repeat(5)],
    ['lines without a blank one, ended by CR LF', 'data: 1\r\n'.repeat(5)],
  ])('breaks %s', async (_what, text) => {
    await expect(pass([text])).rejects.toMatchObject({ code: 'ai.malformed', reason: 'event_too_large' });
    await expect(pass([...text])).rejects.toMatchObject({ reason: 'event_too_large' });
  });

  it('breaks a whole that grows too large', async () => {
    await expect(pass(Array<string>(100).fill(': still here\n\n'))).rejects.toMatchObject({ reason: 'stream_too_large' });
  });
});
