import { Injectable } from '@nestjs/common';
import type { MemorySource } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { SearchIndex } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { endOf, type MemoryRow } from './memory.js';

/** Keeps memories findable, retired ones at the time when they held; in the transaction of the command that changes them. */
@Injectable()
export class MemoryUnits {
  constructor(private readonly index: SearchIndex) {}

  async put(tx: Tx, ctx: OrgContext, row: MemoryRow, namespace: string): Promise<void> {
    await this.index.put(tx, ctx, [
      {
        id: row.id,
        kind: 'memory',
        subjectId: row.id,
        ordinal: 0,
        title: [row.subject, row.predicate].filter((part) => part !== null).join(' · '),
        body: row.content,
        grants: row.readers,
        source: { namespaceId: row.namespaceId, namespace, subject: row.subject, predicate: row.predicate } satisfies Record<
          keyof MemorySource,
          unknown
        >,
        validFrom: row.validFrom,
        validTo: endOf(row),
      },
    ]);
  }

  /** It ends at another time than before. */
  revalidate(tx: Tx, ctx: OrgContext, row: MemoryRow): Promise<void> {
    return this.index.revalidate(tx, ctx, 'memory', row.id, { validFrom: row.validFrom, validTo: endOf(row) });
  }

  remove(tx: Tx, ctx: OrgContext, id: string): Promise<void> {
    return this.index.removeSubject(tx, ctx, 'memory', id);
  }
}
