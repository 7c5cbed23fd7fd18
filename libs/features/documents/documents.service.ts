import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import type { Access, AccessGrant, Document, DocumentId, Metadata, PatchDocument } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import {
  accessColumns,
  audienceOfChange,
  grantKey,
  type GrantSet,
  isNarrowed,
  isSharedWith,
  ReaderGrants,
  SearchIndex,
  withoutGrant,
} from '@atrium/platform/search';
import type { BlobKey } from '@atrium/platform/storage';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { AccessPrincipals } from './access-principals.js';
import { assertMayChange, assertMayWrite, type DocumentRow, toDocument } from './document.js';
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
  access: Access;
}

/** Documents of one organization that may wait for their text at once. */
const MAX_PROCESSING = 500;
/** Units that a command changes itself. */
const MAX_AT_ONCE = 300;
/** A change waits while the last step of the ingestion of a large document holds its row. */
const PATIENT = { timeoutSeconds: 60 };

/** The commands on documents. Their ingestion starts from the events that they append. */
@Injectable()
export class DocumentsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly principals: AccessPrincipals,
    private readonly index: SearchIndex,
    private readonly documents: DocumentRepository,
    private readonly versions: VersionRepository,
    private readonly blobs: DocumentBlobs,
  ) {}

  /**
   * A document in `processing`, with its first version.
   * @throws QuotaExceeded `documents.too_many_processing`, NotFound `documents.principal_not_found`, Forbidden `documents.admins_only`
   */
  async create(ctx: OrgContext, id: DocumentId, file: StoredFile, { title, metadata, access }: NewDocument): Promise<Document> {
    assertMayWrite(ctx, access.level);
    await this.principals.assertThere(ctx, access);
    return this.db.inOrg(ctx, async (tx) => {
      await this.principals.hold(tx, ctx, access);
      await this.assertRoom(tx, ctx);
      const now = new Date();
      const version = newVersion(ctx, id, 1, file, now);
      const row: DocumentRow = {
        id,
        title,
        metadata,
        ownerId: version.createdBy,
        ...accessColumns(version.createdBy, access),
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
  async addVersion(
    ctx: OrgContext,
    id: DocumentId,
    file: StoredFile,
    replaced: Partial<Pick<NewDocument, 'title' | 'metadata'>>,
  ): Promise<Document> {
    const grants = await this.readers.of(ctx);
    return this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.getChangeable(tx, ctx, grants, id);
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
   * @throws NotFound `documents.not_found`, `documents.principal_not_found`, Forbidden `documents.not_owner`, `documents.admins_only`,
   * Conflict `request.precondition_failed`
   */
  async change(ctx: OrgContext, id: DocumentId, patch: PatchDocument): Promise<Document> {
    const grants = await this.readers.of(ctx);
    await this.principals.assertThere(ctx, patch.access);
    return this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.getChangeable(tx, ctx, grants, id);
        assertUnchanged(ctx, before);
        const row: DocumentRow = {
          ...before,
          title: patch.title?.normalize('NFC') ?? before.title,
          metadata: (patch.metadata as DocumentRow['metadata'] | undefined) ?? before.metadata,
          ...(patch.access ? accessColumns(before.ownerId, patch.access) : {}),
        };
        if (row.accessLevel !== before.accessLevel) assertMayWrite(ctx, row.accessLevel);
        await this.principals.hold(tx, ctx, patch.access);
        return this.rewrite(tx, ctx, before, row);
      },
      PATIENT,
    );
  }

  /** Shares it no longer with somebody who is gone; its owner's alone when nobody else is left. `ctx` is the system's. Done again it does nothing. */
  async withdraw(ctx: OrgContext, id: string, grant: AccessGrant): Promise<void> {
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.documents.lock(tx, ctx, id);
        if (!before || !isSharedWith(before, grant)) return;
        await this.rewrite(tx, ctx, before, { ...before, ...withoutGrant(before, grantKey(grant)) });
      },
      PATIENT,
    );
  }

  /**
   * Removes it with its versions, passages, files, and the text of every event about it. Search finds nothing of it from then on; its units go
   * after that, some at a time (see settling.ts).
   * @throws NotFound `documents.not_found`, Forbidden `documents.not_owner`
   */
  async remove(ctx: OrgContext, id: DocumentId): Promise<void> {
    const grants = await this.readers.of(ctx);
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const row = await this.getChangeable(tx, ctx, grants, id);
        assertUnchanged(ctx, row);
        await this.index.veil(tx, ctx, 'document', { documentId: id });
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
  async retry(ctx: OrgContext, id: DocumentId): Promise<Document> {
    const grants = await this.readers.of(ctx);
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.getChangeable(tx, ctx, grants, id);
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
    const grants = await this.readers.of(ctx);
    const row = await this.db.readInOrg(ctx, (tx) => this.documents.get(tx, ctx, grants, id));
    assertMayChange(ctx, row);
  }

  private async getChangeable(tx: Tx, ctx: OrgContext, grants: GrantSet, id: DocumentId): Promise<DocumentRow> {
    const row = await this.documents.getLocked(tx, ctx, grants, id);
    assertMayChange(ctx, row);
    return row;
  }

  /** The document as `row` says, when that is a change. */
  private async rewrite(tx: Tx, ctx: OrgContext, before: DocumentRow, row: DocumentRow): Promise<Document> {
    const fields = CHANGEABLE.filter((name) => !isDeepStrictEqual(row[name], before[name]));
    if (fields.length === 0) return toDocument(before);
    const changed = { ...row, updatedAt: later(before.updatedAt) };
    await this.documents.update(tx, ctx, changed);
    if (!isDeepStrictEqual(row.readers, before.readers)) await this.regrant(tx, ctx, before, changed);
    await this.events.append(tx, ctx, toldChanged(before, changed, fields));
    return toDocument(changed);
  }

  /**
   * Of a large document the rest of the units follow after the commit; nobody finds it until they have. What somebody may not read any more is
   * no longer told from earlier events either: the others have all of it in the event that follows.
   */
  private async regrant(tx: Tx, ctx: OrgContext, before: DocumentRow, row: DocumentRow): Promise<void> {
    const units = { kind: 'document', subjectId: row.id, grants: row.readers } as const;
    if ((await this.index.regrantSome(tx, ctx, units, MAX_AT_ONCE)) === MAX_AT_ONCE)
      await this.index.veil(tx, ctx, 'document', { documentId: row.id });
    if (isNarrowed(before, row)) await this.events.eraseText(tx, ctx, { kind: 'document', id: row.id });
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

const CHANGEABLE = ['title', 'metadata', 'accessLevel', 'accessGrants'] as const;

/** Those who could read it before hear that it changed, but of its text only what they may read now. */
function toldChanged(before: DocumentRow, row: DocumentRow, fields: (typeof CHANGEABLE)[number][]) {
  const changes = fields.map((name): [string, [string, string]] =>
    name === 'accessLevel' ? ['access', [before.accessLevel, row.accessLevel]] : [name, ['[text]', '[text]']],
  );
  const audience = audienceOfChange(before, row);
  return told('documents.changed', row, { audience, facts: { fields }, changes: Object.fromEntries(changes) });
}
