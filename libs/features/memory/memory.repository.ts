import { Injectable } from '@nestjs/common';
import type { AccessGrant } from '@atrium/contracts';
import type { Prisma, SystemTx, Tx } from '@atrium/platform/db';
import { type GrantSet, mayRead } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Slot } from './fact.js';
import { memoryNotFound, type MemoryRow } from './memory.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The most facts of a slot that a new one is compared with: the latest. */
const MAX_SLOT = 500;
/** The most free texts of a moment that a new one is compared with: the latest. */
const MAX_LATE = 200;
/** No command on memories that adds some takes longer; the clocks of two servers are nearer to each other. Milliseconds. */
const LONGEST_COMMAND_MS = 65_000;
/** The most memories of one fact's life that its history shows. */
const MAX_CHAIN = 1_000;

/** The table `memories`. */
@Injectable()
export class MemoryRepository {
  find(tx: Tx, { orgId }: Org, id: string): Promise<MemoryRow | null> {
    return tx.memory.findFirst({ where: { orgId, id } });
  }

  /** @throws NotFound `memory.not_found` also for one that the reader may not see. */
  async get(tx: Tx, ctx: Org, grants: GrantSet, id: string): Promise<MemoryRow> {
    const row = await this.find(tx, ctx, id);
    if (!row || !mayRead(row, grants)) throw memoryNotFound();
    return row;
  }

  findMany(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<MemoryRow[]> {
    return tx.memory.findMany({ where: { orgId, id: { in: [...ids] } } });
  }

  /** Ids of those whose access names somebody. */
  async sharedWith(tx: Tx, { orgId }: Org, grant: AccessGrant, limit: number): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM memories WHERE org_id = ${orgId}::uuid AND access_grants @> ${JSON.stringify([grant])}::jsonb ORDER BY id LIMIT ${limit}`;
    return rows.map(({ id }) => id);
  }

  /** The one that holds with no end, of this key. */
  findByFact(tx: Tx, { orgId }: Org, namespaceId: string, factKey: string): Promise<MemoryRow | null> {
    return tx.memory.findFirst({ where: { orgId, namespaceId, factKey, validTo: null } });
  }

  /** The readable facts of a slot, the latest first. */
  ofSlot(tx: Tx, { orgId }: Org, grants: GrantSet, namespaceId: string, slot: Slot): Promise<MemoryRow[]> {
    return tx.memory.findMany({
      where: { orgId, namespaceId, subjectKey: slot.subject, predicateKey: slot.predicate, readers: { hasSome: grants.toArray() } },
      orderBy: [{ validFrom: 'desc' }, { id: 'desc' }],
      take: MAX_SLOT,
    });
  }

  /** The readable free texts that commands have brought into these namespaces since `since`, the latest. */
  async textsSince(
    tx: Tx,
    { orgId }: Org,
    grants: GrantSet,
    namespaceIds: readonly string[],
    since: Date,
  ): Promise<Pick<MemoryRow, 'id' | 'namespaceId' | 'content'>[]> {
    return tx.memory.findMany({
      where: {
        orgId,
        namespaceId: { in: [...namespaceIds] },
        createdAt: { gte: new Date(since.getTime() - LONGEST_COMMAND_MS) },
        readers: { hasSome: grants.toArray() },
        OR: [{ subjectKey: null }, { predicateKey: null }],
      },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: MAX_LATE,
      select: { id: true, namespaceId: true, content: true },
    });
  }

  /** Those that have expired and not ended yet, of one namespace or of all. */
  expired(tx: Tx, { orgId }: Org, now: Date, limit: number, namespaceId?: string): Promise<MemoryRow[]> {
    const where = { orgId, validTo: null, expiresAt: { lte: now }, ...(namespaceId === undefined ? {} : { namespaceId }) };
    return tx.memory.findMany({ where, orderBy: { expiresAt: 'asc' }, take: limit });
  }

  /** The organizations that have some of those. */
  async organizationsWithExpired(tx: SystemTx): Promise<string[]> {
    const rows = await tx.$queryRaw<
      { org_id: string }[]
    >`SELECT DISTINCT org_id FROM memories WHERE expires_at <= clock_timestamp() AND valid_to IS NULL LIMIT 1000`;
    return rows.map((row) => row.org_id);
  }

  ofNamespace(tx: Tx, { orgId }: Org, namespaceId: string): Promise<MemoryRow[]> {
    return tx.memory.findMany({ where: { orgId, namespaceId } });
  }

  withLevel(tx: Tx, { orgId }: Org, namespaceId: string, accessLevel: string): Promise<MemoryRow[]> {
    return tx.memory.findMany({ where: { orgId, namespaceId, accessLevel } });
  }

  /** The ids of those that stood before and after it, itself too, by who took whose place. */
  async chain(tx: Tx, { orgId }: Org, id: string): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      WITH RECURSIVE chain (id, superseded_by) AS (
        SELECT m.id, m.superseded_by FROM memories m WHERE m.org_id = ${orgId}::uuid AND m.id = ${id}::uuid
        UNION
        SELECT m.id, m.superseded_by FROM chain c JOIN memories m ON m.org_id = ${orgId}::uuid AND (m.id = c.superseded_by OR m.superseded_by = c.id)
      ) SELECT id FROM chain LIMIT ${MAX_CHAIN}`;
    return rows.map((row) => row.id);
  }

  async insert(tx: Tx, row: MemoryRow): Promise<void> {
    await tx.memory.createMany({ data: [writable(row)] });
  }

  /** Writes all that can change. */
  async update(tx: Tx, { orgId }: Org, row: MemoryRow): Promise<void> {
    const { id, orgId: _org, ownerId: _owner, namespaceId: _namespace, createdAt: _created, ...changing } = writable(row);
    await tx.memory.updateMany({ where: { orgId, id }, data: changing });
  }

  /** Forgets it; what it superseded stays ended, by what superseded it. */
  async remove(tx: Tx, { orgId }: Org, { id, supersededBy }: MemoryRow): Promise<void> {
    await tx.memory.updateMany({ where: { orgId, supersededBy: id }, data: { supersededBy } });
    await tx.memory.deleteMany({ where: { orgId, id } });
  }
}

const writable = (row: MemoryRow) => ({
  ...row,
  accessGrants: row.accessGrants as Prisma.InputJsonValue,
  metadata: row.metadata as Prisma.InputJsonObject,
});
