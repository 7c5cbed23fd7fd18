import { failureOf, isHopeless, waitAfter } from './attempts.js';

describe('the attempts of a delivery', () => {
  it('are ten, further and further apart, never sooner than planned and at most a fifth later', () => {
    const waits = Array.from({ length: 9 }, (_, index) => [waitAfter(index + 1, 0) ?? 0, waitAfter(index + 1, 1) ?? 0]);

    expect(waits.map(([least]) => least)).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    for (const [least = 0, most = 0] of waits) expect(most).toBeCloseTo(least * 1.2);
    expect(waitAfter(10, 0)).toBeNull();
  });

  it('succeed by a 2xx only', () => {
    expect([200, 204, 301, 307, 400, 410, 500].map(failureOf)).toEqual([null, null, 'redirect', 'redirect', 'status', 'status', 'status']);
  });

  it('are hopeless after five days of failures', () => {
    const since = new Date('2026-03-01T12:00:00Z');

    expect(isHopeless(since, new Date('2026-03-06T12:00:00Z'))).toBe(false);
    expect(isHopeless(since, new Date('2026-03-06T12:00:01Z'))).toBe(true);
  });
});
