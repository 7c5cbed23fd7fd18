import { isDemoted, wilson, worth } from './pattern-rate.js';

const bounds = (successes: number, usages: number) => {
  const { lower, upper } = wilson(successes, usages);
  return [lower.toFixed(4), upper.toFixed(4)];
};

describe('the interval of a success rate', () => {
  // From the formula in Wilson's paper with z = 1.96, computed by another program.
  it.each([
    [0, 0, '0.0000', '1.0000'],
    [0, 10, '0.0000', '0.2775'],
    [1, 1, '0.2065', '1.0000'],
    [5, 10, '0.2366', '0.7634'],
    [10, 10, '0.7225', '1.0000'],
    [81, 263, '0.2553', '0.3662'],
    [900, 1000, '0.8798', '0.9171'],
  ])('%i of %i', (successes, usages, lower, upper) => {
    expect(bounds(successes, usages)).toEqual([lower, upper]);
  });

  it('grows surer with more usages of the same rate', () => {
    const lowers = [10, 100, 1_000].map((usages) => wilson(usages / 2, usages).lower);
    expect(lowers).toEqual([...lowers].sort());
  });
});

describe('demotion', () => {
  it.each([
    [0, 4, false],
    [0, 5, true],
    [1, 5, false],
    [3, 20, true],
    [10, 20, false],
    [41, 100, false],
    [40, 100, true],
  ])('%i of %i: %s', (successes, usages, expected) => {
    expect(isDemoted(successes, usages)).toBe(expected);
  });
});

it('is worth half while it is unknown, and more the surer it works', () => {
  expect(worth(0, 0)).toBe(0.5);
  expect(worth(9, 10)).toBeGreaterThan(worth(1, 1));
  expect(worth(90, 100)).toBeGreaterThan(worth(9, 10));
});
