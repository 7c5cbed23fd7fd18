import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { MemoryEntry, MemoryId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { type OrgContext, viaColumns, viaOf } from '@atrium/platform/tenancy';
import type { MemoryRow } from './memory.js';

type EntryRow = NonNullable<Awaited<ReturnType<Tx['memoryEntry']['findFirst']>>>;
export interface Step {
  kind: MemoryEntry['kind'];
  /** As it is after the step. */
  row: MemoryRow;
  otherId?: string;
  reason?: string;
}

/** The table `memory_entries`: what became of each memory, step by step. */
@Injectable()
export class EntryRepository {
  async append(tx: Tx, ctx: OrgContext, steps: Step[]): Promise<void> {
    if (steps.length > 0) await tx.memoryEntry.createMany({ data: steps.map((step) => toRow(ctx, step)) });
  }

  /** Of these memories, oldest first, after `after`. */
  async list(
    tx: Tx,
    { orgId }: Pick<OrgContext, 'orgId'>,
    ids: readonly string[],
    after: string | undefined,
    limit: number,
  ): Promise<MemoryEntry[]> {
    const rows = await tx.memoryEntry.findMany({
      where: { orgId, memoryId: { in: [...ids] }, ...(after === undefined ? {} : { id: { gt: after } }) },
      orderBy: { id: 'asc' },
      take: limit,
    });
    return rows.map(toEntry);
  }
}

function toRow(ctx: OrgContext, { kind, row, otherId, reason }: Step): EntryRow {
  const { orgId, principal } = ctx;
  return {
    orgId,
    id: uuidv7(),
    memoryId: row.id,
    kind,
    content: row.content,
    validFrom: row.validFrom,
    validTo: row.validTo,
    supersededBy: row.supersededBy,
    otherId: otherId ?? null,
    reason: reason ?? null,
    actorKind: principal.kind,
    actorId: principal.id,
    onBehalfOf: principal.onBehalfOf,
    ...viaColumns(ctx),
    createdAt: new Date(),
  };
}

function toEntry(row: EntryRow): MemoryEntry {
  return {
    id: row.id,
    memoryId: row.memoryId as MemoryId,
    kind: row.kind as MemoryEntry['kind'],
    content: row.content,
    validFrom: row.validFrom.toISOString(),
    validTo: row.validTo?.toISOString() ?? null,
    supersededBy: row.supersededBy as MemoryId | null,
    otherId: row.otherId as MemoryId | null,
    reason: row.reason,
    actor: { kind: row.actorKind as MemoryEntry['actor']['kind'], id: row.actorId },
    onBehalfOf: row.onBehalfOf,
    via: viaOf(row),
    createdAt: row.createdAt.toISOString(),
  };
}
