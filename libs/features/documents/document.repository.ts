import { Injectable } from '@nestjs/common';
import type { AccessGrant } from '@atrium/contracts';
import { NotFound } from '@atrium/platform/errors';
import type { Prisma, Tx } from '@atrium/platform/db';
import { type GrantSet, mayRead } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { DocumentRow } from './document.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `documents`. */
@Injectable()
export class DocumentRepository {
  find(tx: Tx, { orgId }: Org, id: string): Promise<DocumentRow | null> {
    return tx.document.findFirst({ where: { orgId, id } });
  }

  /** @throws NotFound `documents.not_found` also for one that the reader may not see. */
  async get(tx: Tx, ctx: Org, grants: GrantSet, id: string): Promise<DocumentRow> {
    const row = await this.find(tx, ctx, id);
    if (!row || !mayRead(row, grants)) throw new NotFound('documents.not_found', 'There is no such document, or you may not read it.');
    return row;
  }

  /** Locks the row, readable or not, until the commit; null when it is gone. Whoever changes a document or what belongs to it comes here first. */
  async lock(tx: Tx, ctx: Org, id: string): Promise<DocumentRow | null> {
    await tx.$queryRaw`SELECT 1 FROM documents WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.find(tx, ctx, id);
  }

  /** Keeps the row from being removed until the commit. */
  async pin(tx: Tx, ctx: Org, id: string): Promise<DocumentRow | null> {
    await tx.$queryRaw`SELECT 1 FROM documents WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR KEY SHARE`;
    return this.find(tx, ctx, id);
  }

  /** @throws NotFound `documents.not_found` */
  async getLocked(tx: Tx, ctx: Org, grants: GrantSet, id: string): Promise<DocumentRow> {
    await this.lock(tx, ctx, id);
    return this.get(tx, ctx, grants, id);
  }

  /** Ids of those whose access names somebody. */
  async sharedWith(tx: Tx, { orgId }: Org, grant: AccessGrant, limit: number): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM documents WHERE org_id = ${orgId}::uuid AND access_grants @> ${JSON.stringify([grant])}::jsonb ORDER BY id LIMIT ${limit}`;
    return rows.map(({ id }) => id);
  }

  /** How many wait for their text, counted up to `atMost`. */
  async countProcessing(tx: Tx, { orgId }: Org, atMost: number): Promise<number> {
    const rows = await tx.document.findMany({ where: { orgId, status: 'processing' }, select: { id: true }, take: atMost });
    return rows.length;
  }

  async insert(tx: Tx, { orgId }: Org, row: DocumentRow, seq: number): Promise<void> {
    await tx.document.createMany({ data: { ...writable(row), orgId, ownerKind: 'user', seq } });
  }

  /** Writes all that can change. */
  async update(tx: Tx, { orgId }: Org, row: DocumentRow): Promise<void> {
    const { id, ownerId: _owner, createdAt: _created, ...changing } = writable(row);
    await tx.document.updateMany({ where: { orgId, id }, data: changing });
  }

  /** Removes it with its versions and chunks. */
  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.document.deleteMany({ where: { orgId, id } });
  }
}

const writable = (row: DocumentRow) => ({
  ...row,
  accessGrants: row.accessGrants as Prisma.InputJsonValue,
  metadata: row.metadata as Prisma.InputJsonObject,
});
