import { Injectable } from '@nestjs/common';
import type {
  ChunkId,
  ChunksQuery,
  Document,
  DocumentChunk,
  DocumentId,
  DocumentsQuery,
  DocumentText,
  DocumentVersion,
  Page,
  PageQuery,
  UserId,
} from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type GrantSet, ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ChunkRepository } from './chunk.repository.js';
import { type DocumentRow, toDocument } from './document.js';
import { DocumentRepository } from './document.repository.js';
import { VersionRepository, type VersionRow } from './version.repository.js';

/** Reads of documents: what one may not see is answered like what does not exist. */
@Injectable()
export class DocumentsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly documents: DocumentRepository,
    private readonly versions: VersionRepository,
    private readonly chunkRows: ChunkRepository,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor, status }: DocumentsQuery): Promise<Page<Document>> {
    const after = decodeCursor(cursor, ['time', 'uuid']);
    return this.reading(ctx, async (tx, grants) => {
      const rows = await tx.document.findMany({
        where: {
          orgId: ctx.orgId,
          readers: { hasSome: grants.toArray() },
          ...(after ? olderThan(new Date(after[0]), after[1]) : {}),
          ...(status ? { status } : {}),
        },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
        take: limit + 1,
      });
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.createdAt.toISOString(), last.id]);
      return listed({ data: data.map(toDocument), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `documents.not_found` */
  get(ctx: OrgContext, id: DocumentId): Promise<Document> {
    return this.reading(ctx, async (tx, grants) => toDocument(await this.documents.get(tx, ctx, grants, id)));
  }

  /** Newest first. @throws NotFound `documents.not_found` */
  listVersions(ctx: OrgContext, id: DocumentId, { limit, cursor }: PageQuery): Promise<Page<DocumentVersion>> {
    const before = decodeCursor(cursor, ['int']);
    return this.reading(ctx, async (tx, grants) => {
      await this.documents.get(tx, ctx, grants, id);
      const rows = await this.versions.list(tx, ctx, id, before?.[0], limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.number]);
      return listed({ data: data.map(toVersion), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /**
   * The stored file of a version, by default of the newest.
   * @throws NotFound `documents.not_found`, `documents.version_not_found`
   */
  file(ctx: OrgContext, id: DocumentId, version?: number): Promise<VersionRow> {
    return this.reading(ctx, async (tx, grants) => {
      const document = await this.documents.get(tx, ctx, grants, id);
      return this.versions.get(tx, ctx, id, version ?? document.version);
    });
  }

  /**
   * The text of a version, by default of the newest that is ready.
   * @throws NotFound `documents.not_found`, `documents.version_not_found`, Conflict `documents.not_ready`
   */
  text(ctx: OrgContext, id: DocumentId, version?: number): Promise<DocumentText> {
    return this.reading(ctx, async (tx, grants) => {
      const number = await this.readyVersion(tx, ctx, await this.documents.get(tx, ctx, grants, id), version);
      const text = await this.versions.text(tx, ctx, id, number);
      if (!text) throw notReady();
      return { documentId: id, version: number, ...text };
    });
  }

  /** The passages of a version in order; a cursor stays with the version that its list began with. @throws as `text` does. */
  chunks(ctx: OrgContext, id: DocumentId, { limit, cursor, version }: ChunksQuery): Promise<Page<DocumentChunk>> {
    const after = decodeCursor(cursor, ['number', 'number']);
    return this.reading(ctx, async (tx, grants) => {
      const document = await this.documents.get(tx, ctx, grants, id);
      const number = await this.readyVersion(tx, ctx, document, version ?? bounded(after?.[0]));
      const rows = await this.chunkRows.list(tx, ctx, id, number, bounded(after?.[1]), limit + 1);
      const text = rows.length > 0 ? await this.versions.text(tx, ctx, id, number) : null;
      const { data, nextCursor } = pageOf(rows, limit, (last) => [number, last.ordinal]);
      const chunks = data.map(({ id: chunkId, ...chunk }) => ({
        id: chunkId as ChunkId,
        version: number,
        ...chunk,
        text: text?.text.slice(chunk.start, chunk.end) ?? '',
      }));
      return listed({ data: chunks, nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** What the reader may read is worked out before the transaction that asks it. */
  private async reading<T>(ctx: OrgContext, read: (tx: Tx, grants: GrantSet) => Promise<T>): Promise<T> {
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, (tx) => read(tx, grants));
  }

  private async readyVersion(tx: Tx, ctx: OrgContext, document: DocumentRow, version: number | undefined): Promise<number> {
    if (version !== undefined) await this.versions.get(tx, ctx, document.id, version);
    const number = version ?? (await this.versions.newestReady(tx, ctx, document.id));
    if (number === null || !(await this.versions.isReady(tx, ctx, document.id, number))) throw notReady();
    return number;
  }
}

const notReady = () => new Conflict('documents.not_ready', 'The document has no text yet, or none could be read. Look at its status.');

/** A number of a cursor that a client may have changed, within what the database can compare. */
const bounded = (value: number | undefined) => (value === undefined ? undefined : Math.max(-1, Math.min(value, 2_147_483_647)));

const olderThan = (createdAt: Date, id: string) => ({ OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] });

function toVersion(row: VersionRow): DocumentVersion {
  return {
    number: row.number,
    fileName: row.fileName,
    mediaType: row.mediaType,
    sizeBytes: Number(row.sizeBytes),
    sha256: row.sha256,
    createdBy: row.createdBy as UserId,
    createdAt: row.createdAt.toISOString(),
  };
}
