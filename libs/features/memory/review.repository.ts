import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { MemoryReview } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { GrantSet } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Doubt } from './contradiction.js';

type Org = Pick<OrgContext, 'orgId'>;
export type ReviewRow = NonNullable<Awaited<ReturnType<Tx['memoryReview']['findFirst']>>>;

/** The table `memory_reviews`. */
@Injectable()
export class ReviewRepository {
  find(tx: Tx, { orgId }: Org, id: string): Promise<ReviewRow | null> {
    return tx.memoryReview.findFirst({ where: { orgId, id } });
  }

  /** Newest first, before `before`: those of which the reader may read both sides, of open ones those that are not moot. */
  async list(tx: Tx, ctx: Org, grants: GrantSet, status: string, before: string | undefined, limit: number): Promise<ReviewRow[]> {
    const keys = grants.toArray();
    const rows = await tx.$queryRaw<{ id: string }[]>`
      SELECT r.id FROM memory_reviews r
      JOIN memories p ON p.org_id = r.org_id AND p.id = r.proposed_id
      JOIN memories e ON e.org_id = r.org_id AND e.id = r.existing_id
      WHERE r.org_id = ${ctx.orgId}::uuid AND r.status = ${status} AND (${before ?? null}::uuid IS NULL OR r.id < ${before ?? null}::uuid)
        AND p.readers && ${keys}::text[] AND e.readers && ${keys}::text[]
        AND (r.status <> 'open' OR NOT EXISTS (
          SELECT 1 FROM unnest(ARRAY[p.valid_to, p.expires_at, e.valid_to, e.expires_at]) AS t (ends)
          WHERE ends <= clock_timestamp()))
      ORDER BY r.id DESC LIMIT ${limit}`;
    return tx.memoryReview.findMany({ where: { orgId: ctx.orgId, id: { in: rows.map((row) => row.id) } }, orderBy: { id: 'desc' } });
  }

  /** Null when there is one of the two already, decided or not, whichever was proposed. Their namespace is locked. */
  async insert(tx: Tx, { orgId }: Org, proposedId: string, existingId: string, reason: Doubt): Promise<ReviewRow | null> {
    const asked = await tx.memoryReview.count({ where: { orgId, proposedId: existingId, existingId: proposedId } });
    if (asked > 0) return null;
    const at = new Date();
    const decision = { decidedByKind: null, decidedById: null, decidedAt: null };
    const row = { orgId, id: uuidv7(), proposedId, existingId, reason, status: 'open', ...decision, createdAt: at, updatedAt: at };
    const { count } = await tx.memoryReview.createMany({ data: [row], skipDuplicates: true });
    return count > 0 ? row : null;
  }

  async decide(tx: Tx, { orgId, principal }: OrgContext, row: ReviewRow, status: MemoryReview['status'], at: Date): Promise<ReviewRow> {
    const decision = { status, decidedByKind: principal.kind, decidedById: principal.id, decidedAt: at, updatedAt: at };
    await tx.memoryReview.updateMany({ where: { orgId, id: row.id }, data: decision });
    return { ...row, ...decision };
  }
}
