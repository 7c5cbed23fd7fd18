import { Injectable } from '@nestjs/common';
import type { ModelBudgetId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type BudgetRow, holding } from './budget.js';

type Org = Pick<OrgContext, 'orgId'>;
/** Of whom something is counted. */
export interface Subject {
  scope: 'organization' | 'agent' | 'person';
  subjectId: string;
}

/** The table `model_budgets`. */
@Injectable()
export class BudgetRepository {
  /** @throws NotFound `models.budget_not_found` */
  async get(tx: Tx, { orgId }: Org, id: ModelBudgetId): Promise<BudgetRow> {
    const row = await tx.modelBudget.findFirst({ where: { orgId, id } });
    if (!row) throw new NotFound('models.budget_not_found', 'There is no such budget.');
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `models.budget_not_found` */
  async lock(tx: Tx, ctx: Org, id: ModelBudgetId): Promise<BudgetRow> {
    await tx.$queryRaw`SELECT 1 FROM model_budgets WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Oldest first; `after` is an id, exclusive. */
  list(tx: Tx, { orgId }: Org, after: string | null, limit: number): Promise<BudgetRow[]> {
    return tx.modelBudget.findMany({ where: { orgId, ...(after ? { id: { gt: after } } : {}) }, orderBy: { id: 'asc' }, take: limit });
  }

  /** Those that hold for the subjects. */
  async of(tx: Tx, { orgId }: Org, subjects: readonly Subject[]): Promise<BudgetRow[]> {
    const each = subjects.some(({ scope }) => scope === 'person') ? [{ scope: 'each_person' }] : [];
    const own = subjects.map(({ scope, subjectId }) => ({ scope, subjectId }));
    return holding(await tx.modelBudget.findMany({ where: { orgId, OR: [...own, ...each] }, orderBy: { id: 'asc' } }));
  }

  count(tx: Tx, { orgId }: Org): Promise<number> {
    return tx.modelBudget.count({ where: { orgId } });
  }

  /** Whether it was new: of two budgets of one subject the second is not stored. */
  async insert(tx: Tx, row: BudgetRow): Promise<boolean> {
    return (await tx.modelBudget.createMany({ data: [row], skipDuplicates: true })).count > 0;
  }

  async update(tx: Tx, { orgId, id, ...row }: BudgetRow): Promise<void> {
    await tx.modelBudget.updateMany({ where: { orgId, id }, data: row });
  }

  async remove(tx: Tx, { orgId }: Org, id: ModelBudgetId): Promise<void> {
    await tx.modelBudget.deleteMany({ where: { orgId, id } });
  }
}
