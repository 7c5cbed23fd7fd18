import { assertLeft, type BudgetRow, holding, percentToTell } from './budget.js';
import { costOf } from './price.js';

const at = new Date('2026-12-31T23:59:00Z');
const budget = (limits: Partial<BudgetRow>): BudgetRow => ({
  orgId: 'o',
  id: 'b',
  scope: 'organization',
  subjectId: 'o',
  costMicros: null,
  tokens: null,
  createdAt: at,
  updatedAt: at,
  ...limits,
});
const spent = (costMicros: bigint, tokens = 0n) => ({ costMicros, tokens });

describe('a price', () => {
  it('is rounded up, and exact where numbers are not', () => {
    expect(costOf({ inputTokens: 1, outputTokens: 0 }, { inputMicros: 1, outputMicros: 0 })).toBe(1n);
    expect(costOf({ inputTokens: 1_000_000, outputTokens: 500_000 }, { inputMicros: 2_500_000, outputMicros: 10_000_000 })).toBe(
      7_500_000n,
    );
    expect(costOf({ inputTokens: 9_999_999, outputTokens: 0 }, { inputMicros: 9_999_999_999, outputMicros: 0 })).toBe(99_999_989_991n);
    expect(costOf({ inputTokens: 0, outputTokens: 0 }, { inputMicros: 5, outputMicros: 5 })).toBe(0n);
  });
});

describe('a budget', () => {
  it('is spent when one of its limits is reached before the call', () => {
    expect(() => assertLeft(budget({ costMicros: 10n }), spent(9n, 999n), at)).not.toThrow();
    expect(() => assertLeft(budget({ tokens: 0n }), spent(0n), at)).toThrow('a new month begins on 2027-01-01');
    for (const limits of [{ costMicros: 10n }, { costMicros: 99n, tokens: 5n }])
      expect(() => assertLeft(budget(limits), spent(10n, 5n), at)).toThrow(
        expect.objectContaining({
          code: 'models.budget_exceeded',
          retryable: false,
          options: expect.objectContaining({ retryAfterSeconds: 60 }),
        }),
      );
  });

  it('is told of at 80 and at 100 percent, once each', () => {
    const of = (toldPercent: number, used: bigint) => percentToTell(budget({ costMicros: 100n }), { ...spent(used), toldPercent });
    expect([of(0, 79n), of(0, 80n), of(0, 250n)]).toEqual([null, 80, 100]);
    expect([of(80, 99n), of(80, 100n), of(100, 300n)]).toEqual([null, 100, null]);
  });

  it('of each person does not hold for whom has one of their own', () => {
    const [each, own, all] = [budget({ scope: 'each_person' }), budget({ scope: 'person' }), budget({})];
    expect(holding([all, each])).toEqual([all, each]);
    expect(holding([each, own, all])).toEqual([own, all]);
  });
});
