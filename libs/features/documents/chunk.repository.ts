import { Injectable } from '@nestjs/common';
import { v5 as uuidv5 } from 'uuid';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Chunk } from './chunk/chunk-text.js';

type Org = Pick<OrgContext, 'orgId'>;
export type ChunkRow = Chunk & { id: string };

/** The same passage of the same version always has the same id, so that work that runs again writes the same rows. */
export const chunkId = (documentId: string, version: number, ordinal: number) => uuidv5(`${version}:${ordinal}`, documentId);

/** The table `document_chunks`. */
@Injectable()
export class ChunkRepository {
  /** Writes passages of one statement's size, over those of the same places. */
  async put(tx: Tx, { orgId }: Org, documentId: string, version: number, chunks: ChunkRow[]): Promise<void> {
    const ordinals = chunks.map(({ ordinal }) => ordinal);
    await tx.documentChunk.deleteMany({ where: { orgId, documentId, version, ordinal: { in: ordinals } } });
    await tx.$executeRaw`
      INSERT INTO document_chunks (org_id, id, document_id, version, ordinal, start_offset, end_offset, heading_path, page)
      SELECT ${orgId}::uuid, r.id, ${documentId}::uuid, ${version}, r.ordinal, r.start, r."end", r."headingPath", r.page
      FROM jsonb_to_recordset(${JSON.stringify(chunks)}::jsonb) AS r(id uuid, ordinal int, start int, "end" int, "headingPath" text[], page int)`;
  }

  /** The passages of a version from the place `from` on. */
  async remove(tx: Tx, { orgId }: Org, documentId: string, version: number, from = 0): Promise<void> {
    await tx.documentChunk.deleteMany({ where: { orgId, documentId, version, ordinal: { gte: from } } });
  }

  /** In the order of the text, after the ordinal `after`. */
  async list(tx: Tx, { orgId }: Org, documentId: string, version: number, after = -1, limit?: number): Promise<ChunkRow[]> {
    const rows = await tx.documentChunk.findMany({
      where: { orgId, documentId, version, ordinal: { gt: after } },
      orderBy: { ordinal: 'asc' },
      ...(limit === undefined ? {} : { take: limit }),
    });
    return rows.map(({ id, ordinal, startOffset, endOffset, headingPath, page }) => ({
      id,
      ordinal,
      start: startOffset,
      end: endOffset,
      headingPath,
      page,
    }));
  }
}
