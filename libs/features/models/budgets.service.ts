import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { AgentId, CreateModelBudget, ModelBudget, ModelBudgetId, PatchModelBudget, UserId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, Invalid, NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { budgetTold, type BudgetRow, monthOf, NOTHING_SPENT, toBudget } from './budget.js';
import { BudgetRepository } from './budget.repository.js';
import { Ledger } from './ledger.js';
import { SpendingRepository } from './spending.repository.js';

const MAX_BUDGETS = 5_000;
/** People of whom is told at once; of the others with their next call. */
const MAX_TOLD = 400;

/** The commands on budgets. */
@Injectable()
export class BudgetsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly budgets: BudgetRepository,
    private readonly spendings: SpendingRepository,
    private readonly ledger: Ledger,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * Counts from the beginning of the month. One of 0 stops all calls.
   * @throws NotFound `models.subject_not_found`, Conflict `models.budget_exists`, QuotaExceeded `models.limit_reached`
   */
  async create(ctx: OrgContext, { scope, subjectId, ...limits }: CreateModelBudget): Promise<ModelBudget> {
    if (!(await this.exists(ctx, scope, subjectId)))
      throw new NotFound('models.subject_not_found', `There is no such ${scope}. A budget can be made of one of the organization.`);
    return this.db.inOrg(ctx, async (tx) => {
      if ((await this.budgets.count(tx, ctx)) >= MAX_BUDGETS)
        throw new QuotaExceeded('models.limit_reached', `An organization can have ${MAX_BUDGETS} budgets. Remove one first.`, {
          retryable: false,
        });
      const at = new Date();
      const row: BudgetRow = {
        orgId: ctx.orgId,
        id: uuidv7(),
        scope,
        subjectId: subjectId ?? ctx.orgId,
        ...inColumns(limits),
        createdAt: at,
        updatedAt: at,
      };
      if (!(await this.budgets.insert(tx, row)))
        throw new Conflict(
          'models.budget_exists',
          `There is a budget of this scope${subjectId === null ? '' : ` for this ${scope}`} already. Change that one.`,
        );
      return this.tell(tx, ctx, row, budgetTold('models.budget_created', row));
    });
  }

  /**
   * Honours If-Match.
   * @throws NotFound `models.budget_not_found`, Invalid `request.invalid` when no limit is left, Conflict `request.precondition_failed`
   */
  change(ctx: OrgContext, id: ModelBudgetId, patch: PatchModelBudget): Promise<ModelBudget> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.budgets.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      const limits = toBudget(before, await this.spentBy(tx, ctx, before), new Date());
      const next = {
        costMicros: patch.costMicros === undefined ? limits.costMicros : patch.costMicros,
        tokens: patch.tokens === undefined ? limits.tokens : patch.tokens,
      };
      if (next.costMicros === null && next.tokens === null)
        throw new Invalid('request.invalid', 'A budget needs a limit. Remove it instead.', {
          places: [{ pointer: '/costMicros', message: 'must be given, or tokens' }],
        });
      const changes: NonNullable<EventDraft['changes']> = {};
      for (const name of ['costMicros', 'tokens'] as const) if (limits[name] !== next[name]) changes[name] = [limits[name], next[name]];
      if (Object.keys(changes).length === 0) return limits;
      const after = { ...before, ...inColumns(next), updatedAt: new Date() };
      await this.budgets.update(tx, after);
      return this.tell(tx, ctx, after, budgetTold('models.budget_changed', after, { changes }));
    });
  }

  /** @throws NotFound `models.budget_not_found` */
  async remove(ctx: OrgContext, id: ModelBudgetId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.budgets.lock(tx, ctx, id);
      assertUnchanged(ctx, row);
      await this.budgets.remove(tx, ctx, id);
      // Of the one that holds instead nothing was told.
      await this.spendings.forgetTold(tx, ctx, monthOf(new Date()), row);
      await this.events.append(tx, ctx, budgetTold('models.budget_removed', row));
    });
  }

  /** With what this month has used already, of which administrators are told where it is much: of so many people as one batch holds. */
  private async tell(tx: Tx, ctx: OrgContext, row: BudgetRow, event: EventDraft): Promise<ModelBudget> {
    const month = monthOf(row.updatedAt);
    const spendings = await this.spendings.forgetTold(tx, ctx, month, row);
    const reached: EventDraft[] = [];
    for (const spending of spendings)
      if (reached.length < MAX_TOLD) reached.push(...(await this.ledger.reached(tx, ctx, row, spending, month)));
    await this.events.appendMany(tx, ctx, [event, ...reached]);
    return toBudget(row, spendings[0] ?? NOTHING_SPENT, row.updatedAt);
  }

  private spentBy(tx: Tx, ctx: OrgContext, row: BudgetRow) {
    return this.spendings.of(tx, ctx, monthOf(new Date()), row);
  }

  private async exists({ orgId }: OrgContext, scope: CreateModelBudget['scope'], id: string | null): Promise<boolean> {
    if (scope === 'organization' || scope === 'each_person') return true;
    const ref = scope === 'agent' ? { kind: 'agent' as const, id: id as AgentId } : { kind: 'user' as const, id: id as UserId };
    return this.directory.exists(orgId, ref);
  }
}

const inColumns = ({ costMicros, tokens }: { costMicros: number | null; tokens: number | null }) => ({
  costMicros: costMicros === null ? null : BigInt(costMicros),
  tokens: tokens === null ? null : BigInt(tokens),
});
