import { Injectable } from '@nestjs/common';
import type { ModelBudget, ModelBudgetId, Page, PageQuery } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type BudgetRow, monthOf, toBudget } from './budget.js';
import { BudgetRepository } from './budget.repository.js';
import { SpendingRepository } from './spending.repository.js';

@Injectable()
export class BudgetsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly budgets: BudgetRepository,
    private readonly spendings: SpendingRepository,
  ) {}

  /** Oldest first. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<ModelBudget>> {
    const after = decodeCursor(cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.budgets.list(tx, ctx, after, limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.id]);
      const views: ModelBudget[] = [];
      for (const row of data) views.push(await this.view(tx, ctx, row));
      return listed({ data: views, nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `models.budget_not_found` */
  get(ctx: OrgContext, id: ModelBudgetId): Promise<ModelBudget> {
    return this.db.readInOrg(ctx, async (tx) => this.view(tx, ctx, await this.budgets.get(tx, ctx, id)));
  }

  private async view(tx: Tx, ctx: OrgContext, row: BudgetRow): Promise<ModelBudget> {
    const now = new Date();
    return toBudget(row, await this.spendings.of(tx, ctx, monthOf(now), row), now);
  }
}
