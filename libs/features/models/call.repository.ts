import { Injectable } from '@nestjs/common';
import type { ModelUsage, ModelUsageQuery } from '@atrium/contracts';
import { Prisma, type Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';

/** A row of `model_calls`. */
export type CallRow = NonNullable<Awaited<ReturnType<Tx['modelCall']['findFirst']>>>;

export interface UsageRange {
  by: ModelUsageQuery['by'];
  /** Times, the last one exclusive. */
  from: Date;
  until: Date;
  /** Null: everybody's. */
  personId: string | null;
}

const KEYS = {
  day: Prisma.sql`to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
  agent: Prisma.sql`coalesce(agent_id::text, '')`,
  person: Prisma.sql`coalesce(person_id::text, '')`,
  provider: Prisma.sql`coalesce(provider, '')`,
  model: Prisma.sql`model`,
} as const satisfies Record<ModelUsageQuery['by'], Prisma.Sql>;

/** The table `model_calls`. */
@Injectable()
export class CallRepository {
  async insert(tx: Tx, row: CallRow): Promise<void> {
    await tx.modelCall.createMany({ data: row });
  }

  /** Whether it was open. */
  async settle(tx: Tx, { orgId, id, ...row }: CallRow): Promise<boolean> {
    return (await tx.modelCall.updateMany({ where: { orgId, id, settledAt: null }, data: row })).count > 0;
  }

  /** Whether it was open. */
  async forget(tx: Tx, { orgId, id }: Pick<CallRow, 'orgId' | 'id'>): Promise<boolean> {
    return (await tx.modelCall.deleteMany({ where: { orgId, id, settledAt: null } })).count > 0;
  }

  /** Sums, in the order of their keys; `after` is a key, exclusive. */
  usage(
    tx: Tx,
    { orgId }: Pick<OrgContext, 'orgId'>,
    { by, from, until, personId }: UsageRange,
    after: string | null,
    limit: number,
  ): Promise<ModelUsage[]> {
    const key = Prisma.sql`(${KEYS[by]}) COLLATE "C"`;
    return tx.$queryRaw<ModelUsage[]>`
      SELECT key, count(*)::float8 AS calls, count(*) FILTER (WHERE estimated)::float8 AS "estimatedCalls",
        sum(input_tokens)::float8 AS "inputTokens", sum(output_tokens)::float8 AS "outputTokens", sum(cost_micros)::float8 AS "costMicros"
      FROM (
        SELECT ${key} AS key, estimated, input_tokens, output_tokens, cost_micros FROM model_calls
        WHERE org_id = ${orgId}::uuid AND created_at >= ${from} AND created_at < ${until}
          AND (${personId}::uuid IS NULL OR person_id = ${personId}::uuid)
      ) calls
      WHERE ${after}::text IS NULL OR key > ${after}::text COLLATE "C"
      GROUP BY key ORDER BY key LIMIT ${limit}`;
  }
}
