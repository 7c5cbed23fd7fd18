import { Injectable } from '@nestjs/common';
import type { AccessGrant, PatternOutcome } from '@atrium/contracts';
import type { Prisma, Tx } from '@atrium/platform/db';
import { type GrantSet, mayRead } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { patternNotFound, type PatternRow, type UsageRow } from './pattern.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The newest usages of a pattern that are kept; all are counted. */
const KEPT_USAGES = 1_000;

/** The tables `patterns` and `pattern_usages`. */
@Injectable()
export class PatternRepository {
  /** @throws NotFound `memory.pattern_not_found` also for one that the reader may not see. */
  async get(tx: Tx, { orgId }: Org, grants: GrantSet, id: string): Promise<PatternRow> {
    const row = await tx.pattern.findFirst({ where: { orgId, id } });
    if (!row || !mayRead(row, grants)) throw patternNotFound();
    return row;
  }

  /** Locks it until the commit; null when it is gone. */
  async lock(tx: Tx, { orgId }: Org, id: string): Promise<PatternRow | null> {
    await tx.$queryRaw`SELECT 1 FROM patterns WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return tx.pattern.findFirst({ where: { orgId, id } });
  }

  findMany(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<PatternRow[]> {
    return tx.pattern.findMany({ where: { orgId, id: { in: [...ids] } } });
  }

  /** Ids of those whose access names somebody. */
  async sharedWith(tx: Tx, { orgId }: Org, grant: AccessGrant, limit: number): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM patterns WHERE org_id = ${orgId}::uuid AND access_grants @> ${JSON.stringify([grant])}::jsonb ORDER BY id LIMIT ${limit}`;
    return rows.map(({ id }) => id);
  }

  /** Usages of patterns that the reader may see, by one principal, the last first; before `before`, which is a time and an id. */
  usedBy(
    tx: Tx,
    { orgId }: Org,
    grants: GrantSet,
    usedById: string | null,
    { outcome, before, limit }: { outcome: PatternOutcome | undefined; before: [string, string] | null; limit: number },
  ): Promise<UsageRow[]> {
    const succeeded = outcome === undefined ? [true, false] : [outcome === 'success'];
    const [time, id] = before ?? ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
    return tx.$queryRaw<UsageRow[]>`
      SELECT u.org_id AS "orgId", u.id, u.pattern_id AS "patternId", u.succeeded, u.note, u.duration_ms AS "durationMs", u.used_at AS "usedAt",
        u.used_by_kind AS "usedByKind", u.used_by_id AS "usedById", u.on_behalf_of AS "onBehalfOf",
        u.via_kind AS "viaKind", u.via_id AS "viaId", u.created_at AS "createdAt"
      FROM pattern_usages u JOIN patterns p ON p.org_id = u.org_id AND p.id = u.pattern_id
      WHERE u.org_id = ${orgId}::uuid AND u.used_by_id = ${usedById}::uuid AND u.succeeded = ANY (${succeeded}) AND p.readers && ${grants.toArray()}::text[]
        AND (u.used_at, u.id) < (${time}::timestamptz, ${id}::uuid)
      ORDER BY u.used_at DESC, u.id DESC LIMIT ${limit}`;
  }

  count(tx: Tx, { orgId }: Org): Promise<number> {
    return tx.pattern.count({ where: { orgId } });
  }

  async insert(tx: Tx, row: PatternRow): Promise<void> {
    await tx.pattern.createMany({ data: [writable(row)] });
  }

  /** Writes all that can change. */
  async update(tx: Tx, { orgId }: Org, row: PatternRow): Promise<void> {
    const { id, orgId: _org, ownerId: _owner, createdByKind: _kind, createdById: _by, createdAt: _created, ...changing } = writable(row);
    await tx.pattern.updateMany({ where: { orgId, id }, data: changing });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.pattern.deleteMany({ where: { orgId, id } });
  }

  /** Adds one, and lets those go that are older than the newest 1,000 of its pattern. The pattern is locked. */
  async addUsage(tx: Tx, { orgId }: Org, row: UsageRow, usages: number): Promise<void> {
    await tx.patternUsage.createMany({ data: [row] });
    if (usages <= KEPT_USAGES) return;
    const where = { orgId, patternId: row.patternId };
    const oldest = await tx.patternUsage.findFirst({ where, orderBy: { id: 'desc' }, skip: KEPT_USAGES, select: { id: true } });
    if (oldest) await tx.patternUsage.deleteMany({ where: { ...where, id: { lte: oldest.id } } });
  }
}

const writable = (row: PatternRow) => ({
  ...row,
  accessGrants: row.accessGrants as Prisma.InputJsonValue,
  metadata: row.metadata as Prisma.InputJsonObject,
});
