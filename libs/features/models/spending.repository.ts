import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Subject } from './budget.repository.js';
import { NOTHING_SPENT, type Spent, type ToldSpent } from './budget.js';

type Org = Pick<OrgContext, 'orgId'>;
export type Spending = Subject & ToldSpent;

/** The table `model_spendings`. */
@Injectable()
export class SpendingRepository {
  /** What each of the subjects has spent in the month with `more` added; locked until the commit, the first subject first. */
  add(tx: Tx, { orgId }: Org, month: string, subjects: readonly Subject[], more: Spent): Promise<Spending[]> {
    const [scopes, ids] = [subjects.map(({ scope }) => scope), subjects.map(({ subjectId }) => subjectId)];
    return tx.$queryRaw<Spending[]>`
      INSERT INTO model_spendings AS s (org_id, month, scope, subject_id, cost_micros, tokens)
      SELECT ${orgId}::uuid, ${month}, scope, subject_id, ${more.costMicros}::bigint, ${more.tokens}::bigint
      FROM unnest(${scopes}::text[], ${ids}::uuid[]) WITH ORDINALITY AS of (scope, subject_id, place) ORDER BY place
      ON CONFLICT (org_id, month, scope, subject_id)
        DO UPDATE SET cost_micros = s.cost_micros + excluded.cost_micros, tokens = s.tokens + excluded.tokens
      RETURNING scope, subject_id AS "subjectId", cost_micros AS "costMicros", tokens, told_percent AS "toldPercent"`;
  }

  /** From now on administrators know that so much of the subject's budget is used. */
  async tell(tx: Tx, { orgId }: Org, month: string, { scope, subjectId }: Subject, toldPercent: number): Promise<void> {
    await tx.modelSpending.updateMany({ where: { orgId, month, scope, subjectId }, data: { toldPercent } });
  }

  /**
   * What was told was told of other limits: nothing was told any more of what this budget is about, which is answered, locked until the
   * commit. Of a budget for each person: of those without one of their own.
   */
  forgetTold(tx: Tx, { orgId }: Org, month: string, { scope, subjectId }: { scope: string; subjectId: string }): Promise<Spending[]> {
    const isEach = scope === 'each_person';
    return tx.$queryRaw<Spending[]>`
      UPDATE model_spendings s SET told_percent = 0
      WHERE org_id = ${orgId}::uuid AND month = ${month} AND scope = ${isEach ? 'person' : scope} AND (${isEach} OR subject_id = ${subjectId}::uuid)
        AND NOT (${isEach} AND EXISTS (
          SELECT 1 FROM model_budgets b WHERE b.org_id = s.org_id AND b.scope = 'person' AND b.subject_id = s.subject_id))
      RETURNING scope, subject_id AS "subjectId", cost_micros AS "costMicros", tokens, told_percent AS "toldPercent"`;
  }

  /** What one of them has spent in the month. */
  async of(tx: Tx, { orgId }: Org, month: string, { scope, subjectId }: { scope: string; subjectId: string }): Promise<Spent> {
    const row = await tx.modelSpending.findFirst({ where: { orgId, month, scope, subjectId } });
    return row ?? NOTHING_SPENT;
  }
}
