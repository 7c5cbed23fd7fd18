import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Subject } from './budget.repository.js';
import { NOTHING_SPENT, type Spent } from './budget.js';

type Org = Pick<OrgContext, 'orgId'>;
export type Spending = Subject & Spent;

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
      RETURNING scope, subject_id AS "subjectId", cost_micros AS "costMicros", tokens`;
  }

  /** What one of them has spent in the month. */
  async of(tx: Tx, { orgId }: Org, month: string, { scope, subjectId }: { scope: string; subjectId: string }): Promise<Spent> {
    const row = await tx.modelSpending.findFirst({ where: { orgId, month, scope, subjectId } });
    return row ?? NOTHING_SPENT;
  }
}
