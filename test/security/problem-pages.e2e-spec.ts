import { PROBLEM_ADVICE, type ProblemCode, PROBLEMS } from '@atrium/contracts';
import { anonymous } from '../lib/api.js';
import { testRun } from '../lib/run.js';

describe('the type of a problem', () => {
  it('opens a page that says what the code means, for every code', async () => {
    for (const [code, [, meaning]] of Object.entries(PROBLEMS)) {
      const page = await fetch(new URL(`/problems/${code}`, testRun().baseUrl));
      const text = await page.text();

      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(text).toContain(code);
      expect(text).toContain(meaning.slice(0, 20));
      expect(text).toContain((PROBLEM_ADVICE[code as ProblemCode] ?? '').slice(0, 20));
      expect(text).not.toMatch(/<(script|style|link|img)|https?:/);
    }
  });

  it('is what an answer links to', async () => {
    const { type, code } = await anonymous().refused(401, 'GET', '/v1/me');

    expect(type).toBe(`/problems/${code}`);
    expect((await fetch(new URL(type, testRun().baseUrl))).status).toBe(200);
    expect((await fetch(new URL('/problems/no.such', testRun().baseUrl))).status).toBe(404);
    expect(await (await fetch(new URL('/problems', testRun().baseUrl))).text()).toContain('/problems/chat.channel_archived');
  });
});
