import type { BudgetScope, ModelBudget, ModelBudgetId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { QuotaExceeded } from '@atrium/platform/errors';
import type { EventDraft, JsonObject } from '@atrium/platform/events';

/** A row of `model_budgets`. */
export type BudgetRow = NonNullable<Awaited<ReturnType<Tx['modelBudget']['findFirst']>>>;
export interface Spent {
  costMicros: bigint;
  tokens: bigint;
}
export const NOTHING_SPENT: Spent = { costMicros: 0n, tokens: 0n };
/** The same with how much of a budget administrators were told of. Percent. */
export type ToldSpent = Spent & { toldPercent: number };

/** Administrators are told when so much of a budget is used. Percent, the largest first. */
const TOLD_AT = [100n, 80n] as const;

/** The calendar month, in UTC: `2026-11`. */
export const monthOf = (at: Date): string => at.toISOString().slice(0, 7);
const monthAfter = (at: Date): Date => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));

/** `spent`: of a budget for each person nothing is known as a whole. */
export function toBudget(row: BudgetRow, spent: Spent, now: Date): ModelBudget {
  return {
    id: row.id as ModelBudgetId,
    scope: row.scope as BudgetScope,
    subjectId: row.scope === 'agent' || row.scope === 'person' ? row.subjectId : null,
    costMicros: row.costMicros === null ? null : Number(row.costMicros),
    tokens: row.tokens === null ? null : Number(row.tokens),
    spent: row.scope === 'each_person' ? null : { month: monthOf(now), costMicros: Number(spent.costMicros), tokens: Number(spent.tokens) },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** Whether a limit has `percent` of it used. */
function isReached({ costMicros, tokens }: Pick<BudgetRow, 'costMicros' | 'tokens'>, spent: Spent, percent: bigint): boolean {
  const isUsed = (limit: bigint | null, used: bigint) => limit !== null && used * 100n >= limit * percent;
  return isUsed(costMicros, spent.costMicros) || isUsed(tokens, spent.tokens);
}

const WHOSE: Record<BudgetScope, string> = {
  organization: 'What models may cost the organization this month is spent.',
  agent: 'What models may cost for this agent this month is spent.',
  person: 'What models may cost for you this month is spent.',
  each_person: 'What models may cost for you this month is spent.',
};

/** @throws QuotaExceeded `models.budget_exceeded` when nothing was left before the call */
export function assertLeft(budget: BudgetRow, spentBefore: Spent, now: Date): void {
  if (!isReached(budget, spentBefore, 100n)) return;
  const next = monthAfter(now);
  const until = `An administrator can raise the budget; a new month begins on ${next.toISOString().slice(0, 10)} (UTC).`;
  throw new QuotaExceeded('models.budget_exceeded', `${WHOSE[budget.scope as BudgetScope]} ${until}`, {
    retryable: false,
    retryAfterSeconds: Math.ceil((next.getTime() - now.getTime()) / 1_000),
  });
}

/** How much of the budget administrators have to be told of now, in percent; null when they know. */
export function percentToTell(budget: BudgetRow, spent: ToldSpent): number | null {
  const reached = TOLD_AT.find((percent) => isReached(budget, spent, percent));
  return reached !== undefined && Number(reached) > spent.toldPercent ? Number(reached) : null;
}

/** Those that hold: the one for each person only where the person has none of their own. */
export function holding(budgets: readonly BudgetRow[]): BudgetRow[] {
  const hasOwn = budgets.some(({ scope }) => scope === 'person');
  return budgets.filter(({ scope }) => scope !== 'each_person' || !hasOwn);
}

type Told = 'models.budget_created' | 'models.budget_changed' | 'models.budget_removed' | 'models.budget_reached';

export function budgetTold(type: Told, row: BudgetRow, more: Pick<EventDraft, 'changes'> & { data?: JsonObject } = {}): EventDraft {
  const { id, scope, subjectId, costMicros, tokens } = toBudget(row, NOTHING_SPENT, row.updatedAt);
  return {
    type,
    subject: { kind: 'model_budget', id },
    audience: 'admins',
    data: { budgetId: id, scope, subjectId, costMicros, tokens, ...more.data },
    ...(more.changes ? { changes: more.changes } : {}),
  };
}
