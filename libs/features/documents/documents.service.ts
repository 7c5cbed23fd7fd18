import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import type { AccessLevel, Document, DocumentId, Metadata, PatchDocument } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import { SearchIndex } from '@atrium/platform/search';
import type { BlobKey } from '@atrium/platform/storage';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { assertMayChange, audienceOf, type DocumentRow, grantsOf, later, toDocument } from './document.js';
import { DocumentBlobs } from './document-blobs.js';
import { told, toldRemoved } from './document-events.js';
import { DocumentRepository } from './document.repository.js';
import { VersionRepository, type VersionRow } from './version.repository.js';

/** A stored file, not yet named by any version. */
export interface StoredFile {
  blobKey: BlobKey;
  sizeBytes: number;
  sha256: string;
  fileName: string;
  claimedMediaType: string | null;
}
export interface NewDocument {
  title: string;
  metadata: Metadata;
  access: AccessLevel;
}

/** Documents of one organization that may wait for their text at once. */
const MAX_PROCESSING = 500;
/** A change waits while the ingestion of a large document holds its row. */
const PATIENT = { timeoutSeconds: 60 };

/** The commands on documents. Their ingestion starts from the events that they append. */
@Injectable()
export class DocumentsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly index: SearchIndex,
    private readonly documents: DocumentRepository,
    private readonly versions: VersionRepository,
    private readonly blobs: DocumentBlobs,
  ) {}

  /**
   * A document in `processing`, with its first version.
   * @throws QuotaExceeded `documents.too_many_processing`
   */
  create(ctx: OrgContext, id: DocumentId, file: StoredFile, { title, metadata, access }: NewDocument): Promise<Document> {
    return this.db.inOrg(ctx, async (tx) => {
      await this.assertRoom(tx, ctx);
      const now = new Date();
      const version = newVersion(ctx, id, 1, file, now);
      const row: DocumentRow = {
        id,
        title,
        metadata,
        ownerId: version.createdBy,
        accessLevel: access,
        version: 1,
        status: 'processing',
        failureCode: null,
        failureMessage: null,
        mediaType: version.mediaType,
        sizeBytes: version.sizeBytes,
        createdAt: now,
        updatedAt: now,
      };
      const { seq } = await this.events.append(tx, ctx, told('documents.uploaded', row, { facts: { version: 1 } }));
      await this.documents.insert(tx, ctx, row, seq);
      await this.versions.insert(tx, ctx, version);
      return toDocument(row);
    });
  }

  /**
   * The next version; reads go on with the newest ready one until it is ready.
   * @throws NotFound `documents.not_found`, Forbidden `documents.not_owner`, QuotaExceeded `documents.too_many_processing`
   */
  addVersion(
    ctx: OrgContext,
    id: DocumentId,
    file: StoredFile,
    replaced: Partial<Pick<NewDocument, 'title' | 'metadata'>>,
  ): Promise<Document> {
    return this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.getChangeable(tx, ctx, id);
        if (before.status !== 'processing') await this.assertRoom(tx, ctx);
        const version = newVersion(ctx, id, before.version + 1, file, later(before.updatedAt));
        const row: DocumentRow = {
          ...before,
          ...replaced,
          version: version.number,
          updatedAt: version.createdAt,
          status: 'processing',
          failureCode: null,
          failureMessage: null,
          mediaType: version.mediaType,
          sizeBytes: version.sizeBytes,
        };
        await this.documents.update(tx, ctx, row);
        await this.versions.insert(tx, ctx, version);
        await this.events.append(tx, ctx, told('documents.version_added', row, { facts: { version: row.version } }));
        return toDocument(row);
      },
      PATIENT,
    );
  }

  /**
   * Honours If-Match. Who may read it changes at once; a new title reaches the search index a moment later.
   * @throws NotFound `documents.not_found`, Forbidden `documents.not_owner`, Conflict `request.precondition_failed`
   */
  change(ctx: OrgContext, id: DocumentId, patch: PatchDocument): Promise<Document> {
    return this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.getChangeable(tx, ctx, id);
        assertUnchanged(ctx, before);
        const row: DocumentRow = {
          ...before,
          title: patch.title?.normalize('NFC') ?? before.title,
          metadata: (patch.metadata as DocumentRow['metadata'] | undefined) ?? before.metadata,
          accessLevel: patch.access?.level ?? before.accessLevel,
        };
        const fields = (['title', 'metadata', 'accessLevel'] as const).filter((name) => !isDeepStrictEqual(row[name], before[name]));
        if (fields.length === 0) return toDocument(before);
        row.updatedAt = later(before.updatedAt);
        await this.documents.update(tx, ctx, row);
        if (row.accessLevel !== before.accessLevel) await this.regrant(tx, ctx, row);
        await this.events.append(tx, ctx, toldChanged(before, row, fields));
        return toDocument(row);
      },
      PATIENT,
    );
  }

  /**
   * Removes it with its versions, passages, files, and the text of every event about it.
   * @throws NotFound `documents.not_found`, Forbidden `documents.not_owner`
   */
  async remove(ctx: OrgContext, id: DocumentId): Promise<void> {
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const row = await this.getChangeable(tx, ctx, id);
        assertUnchanged(ctx, row);
        await this.index.removeSubject(tx, ctx, 'document', id);
        await this.documents.remove(tx, ctx, id);
        await this.events.eraseText(tx, ctx, { kind: 'document', id });
        await this.events.append(tx, ctx, toldRemoved(row));
      },
      PATIENT,
    );
    await this.blobs.removeAll(ctx, id);
  }

  /**
   * Another try at the newest version.
   * @throws NotFound `documents.not_found`, Forbidden `documents.not_owner`, Conflict `documents.not_failed`, QuotaExceeded `documents.too_many_processing`
   */
  retry(ctx: OrgContext, id: DocumentId): Promise<Document> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.getChangeable(tx, ctx, id);
      if (before.status !== 'failed') throw new Conflict('documents.not_failed', 'Only a failed document can be tried again.');
      await this.assertRoom(tx, ctx);
      const row: DocumentRow = {
        ...before,
        updatedAt: later(before.updatedAt),
        status: 'processing',
        failureCode: null,
        failureMessage: null,
      };
      await this.documents.update(tx, ctx, row);
      await this.events.append(tx, ctx, told('documents.retried', row, { facts: { version: row.version } }));
      return toDocument(row);
    });
  }

  /** Asks before a large body is read; the command asks again. */
  async assertChangeable(ctx: OrgContext, id: DocumentId): Promise<void> {
    const row = await this.db.readInOrg(ctx, (tx) => this.documents.get(tx, ctx, id));
    assertMayChange(ctx, row);
  }

  private async getChangeable(tx: Tx, ctx: OrgContext, id: DocumentId): Promise<DocumentRow> {
    const row = await this.documents.getLocked(tx, ctx, id);
    assertMayChange(ctx, row);
    return row;
  }

  /** What becomes private is no longer told from earlier events either: its owner has all of it in the event that follows. */
  private async regrant(tx: Tx, ctx: OrgContext, row: DocumentRow): Promise<void> {
    await this.index.regrant(tx, ctx, 'document', row.id, grantsOf(row));
    if (row.accessLevel === 'private') await this.events.eraseText(tx, ctx, { kind: 'document', id: row.id });
  }

  private async assertRoom(tx: Tx, ctx: OrgContext): Promise<void> {
    if ((await this.documents.countProcessing(tx, ctx, MAX_PROCESSING)) < MAX_PROCESSING) return;
    throw new QuotaExceeded(
      'documents.too_many_processing',
      `${MAX_PROCESSING} documents wait for their text. Try again when some are ready.`,
      {
        params: { limit: MAX_PROCESSING },
        retryAfterSeconds: 30,
      },
    );
  }
}

function newVersion(ctx: OrgContext, documentId: DocumentId, number: number, file: StoredFile, createdAt: Date): VersionRow {
  const createdBy = personOf(ctx);
  if (createdBy === null) throw new Error('the system owns no documents');
  return {
    documentId,
    number,
    createdBy,
    createdAt,
    blobKey: file.blobKey,
    sha256: file.sha256,
    fileName: file.fileName,
    sizeBytes: BigInt(file.sizeBytes),
    claimedMediaType: file.claimedMediaType,
    mediaType: file.claimedMediaType ?? 'application/octet-stream',
  };
}

/** Those who could read it before hear that it changed, but of its text only what they may read now. */
function toldChanged(before: DocumentRow, row: DocumentRow, fields: ('title' | 'metadata' | 'accessLevel')[]) {
  const audience = before.accessLevel === 'organization' ? audienceOf(before) : audienceOf(row);
  const changes = fields.map((name): [string, [string, string]] =>
    name === 'accessLevel' ? ['access', [before.accessLevel, row.accessLevel]] : [name, ['[text]', '[text]']],
  );
  return told('documents.changed', row, { audience, facts: { fields }, changes: Object.fromEntries(changes) });
}
