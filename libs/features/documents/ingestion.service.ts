import { Inject, Injectable } from '@nestjs/common';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import { SearchIndex } from '@atrium/platform/search';
import { assertBlobKey, BLOBS, type LocalBlobStore } from '@atrium/platform/storage';
import type { OrgContext } from '@atrium/platform/tenancy';
import { chunkId, ChunkRepository, type ChunkRow } from './chunk.repository.js';
import { chunkText } from './chunk/chunk-text.js';
import { type DocumentRow, later } from './document.js';
import { type Stage, told, toldProgress } from './document-events.js';
import { DocumentRepository } from './document.repository.js';
import { extractText } from './extraction/extract-text.js';
import type { Extraction } from './extraction/extraction.js';
import { ExtractionFailed } from './extraction/extraction-failed.js';
import { unitsOf } from './search-units.js';
import { VersionRepository, type VersionRow } from './version.repository.js';

/** The largest text (20 MiB, about 22,000 passages) is written in one transaction, so that a document is never ready by half. */
const WRITING = { timeoutSeconds: 180 };

export interface Failure {
  code: string;
  message: string;
}

/** Turns a stored file into text, passages and search units. Every method may run again after a crash and then does the same or nothing. */
@Injectable()
export class IngestionService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly index: SearchIndex,
    private readonly documents: DocumentRepository,
    private readonly versions: VersionRepository,
    private readonly chunks: ChunkRepository,
    // The parser's child process reads a file of this machine.
    @Inject(BLOBS) private readonly blobs: LocalBlobStore,
    private readonly metrics: Metrics,
    private readonly log: Log,
  ) {}

  /** Reads and stores one version; a fault of the file ends as `failed`. Any other error is thrown: trying again may help. */
  async ingest(ctx: OrgContext, documentId: string, version: number): Promise<void> {
    const file = await this.progress(ctx, documentId, version, 'extracting');
    if (!file) return;
    const { blobKey, fileName, claimedMediaType } = file;
    assertBlobKey(blobKey);
    let extraction: Extraction;
    try {
      extraction = await extractText({ path: this.blobs.path(blobKey), fileName, claimedMediaType });
    } catch (error) {
      if (!(error instanceof ExtractionFailed)) throw error;
      await this.fail(ctx, documentId, version, { code: error.code, message: error.message });
      return;
    }
    if (!(await this.progress(ctx, documentId, version, 'chunking'))) return;
    const chunks = chunkText(extraction).map((chunk) => ({ ...chunk, id: chunkId(documentId, version, chunk.ordinal) }));
    if (!(await this.progress(ctx, documentId, version, 'indexing'))) return;
    await this.store(ctx, documentId, version, extraction, chunks);
  }

  /** Ends a version that cannot be read; nothing when it is gone, has ended, or a newer one has taken its place. */
  async fail(ctx: OrgContext, documentId: string, version: number, { code, message }: Failure): Promise<void> {
    const failed = await this.db.inOrg(ctx, async (tx) => {
      const before = await this.documents.lock(tx, ctx, documentId);
      if (!before || before.version !== version || before.status !== 'processing') return false;
      const row: DocumentRow = {
        ...before,
        updatedAt: later(before.updatedAt),
        status: 'failed',
        failureCode: code,
        failureMessage: message,
      };
      await this.documents.update(tx, ctx, row);
      await this.events.append(tx, ctx, told('documents.failed', row, { facts: { version } }));
      return true;
    });
    if (!failed) return;
    this.metrics.ingestions.inc({ status: 'failed' });
    this.log.info('a document could not be read', { orgId: ctx.orgId, id: documentId, code });
  }

  /** Writes the search units of the newest ready version again, after a change of the title. */
  async reindex(ctx: OrgContext, documentId: string): Promise<void> {
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const row = await this.documents.lock(tx, ctx, documentId);
        const version = row && (await this.versions.newestReady(tx, ctx, documentId));
        if (!row || version === null) return;
        const extraction = await this.versions.text(tx, ctx, documentId, version);
        if (extraction)
          await this.index.put(tx, ctx, unitsOf(row, version, extraction.text, await this.chunks.list(tx, ctx, documentId, version)));
      },
      WRITING,
    );
  }

  /** Tells how far it is; null when there is nothing left to do. */
  private progress(ctx: OrgContext, documentId: string, version: number, stage: Stage): Promise<VersionRow | null> {
    return this.db.inOrg(ctx, async (tx) => {
      const row = await this.documents.pin(tx, ctx, documentId);
      if (!row || !(await this.isWaiting(tx, ctx, row, version))) return null;
      if (row.version === version) await this.events.append(tx, ctx, toldProgress(row, version, stage));
      return this.versions.find(tx, ctx, documentId, version);
    });
  }

  private async store(ctx: OrgContext, documentId: string, version: number, extraction: Extraction, chunks: ChunkRow[]): Promise<void> {
    const isNewest = await this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.documents.lock(tx, ctx, documentId);
        if (!before || !(await this.isWaiting(tx, ctx, before, version))) return false;
        await this.versions.fill(tx, ctx, documentId, version, extraction);
        await this.chunks.insert(tx, ctx, documentId, version, chunks);
        if ((await this.versions.newestReady(tx, ctx, documentId)) === version) {
          await this.index.removeSubject(tx, ctx, 'document', documentId);
          await this.index.put(tx, ctx, unitsOf(before, version, extraction.text, chunks));
        }
        if (before.version !== version) return false;
        const row: DocumentRow = { ...before, status: 'ready', mediaType: extraction.mediaType, updatedAt: later(before.updatedAt) };
        await this.documents.update(tx, ctx, row);
        await this.events.append(tx, ctx, told('documents.ready', row, { facts: { version } }));
        return true;
      },
      WRITING,
    );
    if (isNewest) this.metrics.ingestions.inc({ status: 'ready' });
  }

  /** A version waits for its text until it has one or has failed; one that a newer has overtaken gets its text all the same. */
  private async isWaiting(tx: Tx, ctx: OrgContext, row: DocumentRow, version: number): Promise<boolean> {
    if (row.version === version && row.status !== 'processing') return false;
    return !(await this.versions.isReady(tx, ctx, row.id, version));
  }
}
