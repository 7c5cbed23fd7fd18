import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { ModelUsage } from '@atrium/platform/ai';
import { Db, type Tx } from '@atrium/platform/db';
import { Events, type EventDraft } from '@atrium/platform/events';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { assertLeft, budgetTold, type BudgetRow, monthOf, percentToTell, type Spent } from './budget.js';
import { BudgetRepository, type Subject } from './budget.repository.js';
import { CallRepository, type CallRow } from './call.repository.js';
import { costOf, type Price } from './price.js';
import { type Spending, SpendingRepository } from './spending.repository.js';

/** What is asked for by whom. */
export interface Asking {
  agentId: string | null;
  purpose: 'run' | 'answer' | 'extraction' | 'test';
  provider: string | null;
  model: string;
  price: Price;
  /** What it uses at most. */
  estimate: ModelUsage;
}

/** A call under way. */
export type OpenCall = CallRow & { price: Price };

/**
 * Counts what models cost. A call is counted in full before it is made, and corrected when it has ended: so calls at once cannot pass a
 * budget together (only the call that uses it up may go beyond), and of a process that dies the first figures stay, once.
 */
@Injectable()
export class Ledger {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly calls: CallRepository,
    private readonly budgets: BudgetRepository,
    private readonly spendings: SpendingRepository,
  ) {}

  /** Not inside a transaction. @throws QuotaExceeded `models.budget_exceeded` */
  open(ctx: OrgContext, { price, estimate, ...asking }: Asking): Promise<OpenCall> {
    const at = new Date();
    const call: CallRow = {
      ...asking,
      ...figuresOf(estimate, price),
      orgId: ctx.orgId,
      id: uuidv7(),
      personId: personOf(ctx),
      createdAt: at,
      settledAt: null,
    };
    return this.db.inOrg({ ...ctx, idempotency: null }, async (tx) => {
      const subjects = subjectsOf(call);
      const reserved = spentBy(call);
      const spendings = await this.spendings.add(tx, ctx, monthOf(at), subjects, reserved);
      for (const budget of await this.budgets.of(tx, ctx, subjects)) assertLeft(budget, minus(spendingOf(budget, spendings), reserved), at);
      await this.calls.insert(tx, call);
      return { ...call, price };
    });
  }

  /** Once per call: what it used in the end, and what that cost. One that used nothing is forgotten. */
  settle(ctx: OrgContext, { price, ...call }: OpenCall, usage: ModelUsage): Promise<Spent> {
    const settled = { ...call, ...figuresOf(usage, price), settledAt: new Date() };
    const spent = spentBy(settled);
    return this.db.inOrg({ ...ctx, idempotency: null }, async (tx) => {
      const isFirst = spent.tokens === 0n ? await this.calls.forget(tx, call) : await this.calls.settle(tx, settled);
      if (!isFirst) return spent;
      const subjects = subjectsOf(call);
      const month = monthOf(call.createdAt);
      const spendings = await this.spendings.add(tx, ctx, month, subjects, minus(spent, spentBy(call)));
      const told: EventDraft[] = [];
      for (const budget of await this.budgets.of(tx, ctx, subjects))
        told.push(...(await this.reached(tx, ctx, budget, spendingOf(budget, spendings), month)));
      if (told.length > 0) await this.events.appendMany(tx, ctx, told);
      return spent;
    });
  }

  /** What administrators have to be told of the budget, if anything; from now on they know. */
  async reached(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, budget: BudgetRow, spending: Spending, month: string): Promise<EventDraft[]> {
    const percent = percentToTell(budget, spending);
    if (percent === null) return [];
    await this.spendings.tell(tx, ctx, month, spending, percent);
    const spent = { costMicros: Number(spending.costMicros), tokens: Number(spending.tokens) };
    const personId = spending.scope === 'person' ? spending.subjectId : null;
    return [budgetTold('models.budget_reached', budget, { data: { percent, month, spent, personId } })];
  }
}

/** The organization first: its row is the lock that puts calls in order. */
const subjectsOf = ({ orgId, agentId, personId }: Pick<CallRow, 'orgId' | 'agentId' | 'personId'>): Subject[] => [
  { scope: 'organization', subjectId: orgId },
  ...(agentId === null ? [] : [{ scope: 'agent' as const, subjectId: agentId }]),
  ...(personId === null ? [] : [{ scope: 'person' as const, subjectId: personId }]),
];

const figuresOf = (usage: ModelUsage, price: Price) => ({
  inputTokens: BigInt(usage.inputTokens),
  outputTokens: BigInt(usage.outputTokens),
  costMicros: costOf(usage, price),
  estimated: usage.estimated,
});

const spentBy = ({ costMicros, inputTokens, outputTokens }: CallRow): Spent => ({ costMicros, tokens: inputTokens + outputTokens });
const minus = (one: Spent, other: Spent): Spent => ({
  costMicros: one.costMicros - other.costMicros,
  tokens: one.tokens - other.tokens,
});

function spendingOf({ scope }: BudgetRow, spendings: readonly Spending[]): Spending {
  const found = spendings.find((one) => one.scope === (scope === 'each_person' ? 'person' : scope));
  if (!found) throw new Error(`nothing is counted of ${scope}`);
  return found;
}
