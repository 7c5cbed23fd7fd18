import { Inject, Injectable } from '@nestjs/common';
import { Db, type Tx } from '@atrium/platform/db';
import { FairLimiter } from '@atrium/platform/durable';
import { Events } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import { SearchIndex } from '@atrium/platform/search';
import { assertBlobKey, BLOBS, type LocalBlobStore } from '@atrium/platform/storage';
import type { OrgContext } from '@atrium/platform/tenancy';
import { later } from '@atrium/platform/http';
import { chunkId, ChunkRepository, type ChunkRow } from './chunk.repository.js';
import { chunkText } from './chunk/chunk-text.js';
import { type DocumentRow } from './document.js';
import { type Stage, told, toldProgress } from './document-events.js';
import { DocumentRepository } from './document.repository.js';
import { extractText } from './extraction/extract-text.js';
import type { Extraction } from './extraction/extraction.js';
import { ExtractionFailed } from './extraction/extraction-failed.js';
import { unitsOf } from './search-units.js';
import { VersionRepository, type VersionRow } from './version.repository.js';

/** Passages of one transaction. The largest text (20 MiB) has about 22,000: others are let in between. */
const BATCH = 50;
/** Children that read at once, and how many of one organization: a file may take half a minute, and others' are not to wait for it. */
const READING = [2, 1] as const;
/** The last step of a version writes its whole text. */
const FINISHING = { timeoutSeconds: 60 };

/** What was written of a version, under which titles; not `more`: there is nothing left to do. */
interface Written {
  more: boolean;
  titles: Set<string>;
}

export interface Failure {
  code: string;
  message: string;
}

/** Turns a stored file into text, passages and search units. Every method may run again after a crash and then does the same or nothing. */
@Injectable()
export class IngestionService {
  private readonly reading = new FairLimiter(...READING);

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

  /**
   * Reads and stores one version; a fault of the file ends as `failed`. Any other error is thrown: trying again may help. A file that waits
   * for its turn is not read any more once `stopping` is aborted.
   */
  async ingest(ctx: OrgContext, documentId: string, version: number, stopping: AbortSignal): Promise<void> {
    const file = await this.progress(ctx, documentId, version, 'extracting');
    if (!file) return;
    const { blobKey, fileName, claimedMediaType } = file;
    assertBlobKey(blobKey);
    let extraction: Extraction;
    try {
      const read = () => extractText({ path: this.blobs.path(blobKey), fileName, claimedMediaType });
      extraction = await this.reading.run(ctx.orgId, read, stopping);
    } catch (error) {
      if (!(error instanceof ExtractionFailed)) throw error;
      await this.fail(ctx, documentId, version, { code: error.code, message: error.message });
      return;
    }
    if (!(await this.progress(ctx, documentId, version, 'chunking'))) return;
    const chunks = (await chunkText(extraction)).map((chunk) => ({ ...chunk, id: chunkId(documentId, version, chunk.ordinal) }));
    if (!(await this.progress(ctx, documentId, version, 'indexing'))) return;
    let written: Written;
    do {
      while (await this.discardSome(ctx, documentId, version));
      written = await this.write(ctx, documentId, version, extraction.text, chunks);
    } while (written.more && !(await this.finish(ctx, documentId, version, extraction, chunks.length, written)));
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
    const version = await this.db.readInOrg(ctx, (tx) => this.versions.newestReady(tx, ctx, documentId));
    if (version === null) return;
    const { extraction, chunks } = await this.db.readInOrg(ctx, async (tx) => ({
      extraction: await this.versions.text(tx, ctx, documentId, version),
      chunks: await this.chunks.list(tx, ctx, documentId, version),
    }));
    for (let at = 0; extraction && at < chunks.length; at += BATCH) {
      const goesOn = await this.db.inOrg(ctx, async (tx) => {
        const row = await this.documents.lock(tx, ctx, documentId);
        if (!row || (await this.versions.newestReady(tx, ctx, documentId)) !== version) return false;
        await this.index.put(tx, ctx, unitsOf(row, version, extraction.text, chunks.slice(at, at + BATCH)));
        return true;
      });
      if (!goesOn) return;
    }
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

  /** Units that an earlier try left; whether there may be more. */
  private discardSome(ctx: OrgContext, documentId: string, version: number): Promise<boolean> {
    return this.db.inOrg(ctx, async (tx) => {
      const row = await this.documents.lock(tx, ctx, documentId);
      if (!row || !(await this.isWaiting(tx, ctx, row, version))) return false;
      const left = { kind: 'document', subjectId: documentId, source: { documentId, version } } as const;
      return (await this.index.removeSome(tx, ctx, left, BATCH)) === BATCH;
    });
  }

  /** Passages and units, some in each transaction: nobody reads the ones before the version has its text, nor finds the others before it is unveiled. */
  private async write(ctx: OrgContext, documentId: string, version: number, text: string, chunks: ChunkRow[]): Promise<Written> {
    const titles = new Set<string>();
    for (let at = 0; at < chunks.length || at === 0; at += BATCH) {
      const title = await this.db.inOrg(ctx, async (tx) => {
        const row = await this.documents.lock(tx, ctx, documentId);
        if (!row || !(await this.isWaiting(tx, ctx, row, version))) return null;
        const some = chunks.slice(at, at + BATCH);
        await this.chunks.put(tx, ctx, documentId, version, some);
        if (((await this.versions.newestReady(tx, ctx, documentId)) ?? 0) > version) return row.title;
        await this.index.veil(tx, ctx, 'document', { documentId, version });
        await this.index.put(tx, ctx, unitsOf(row, version, text, some));
        return row.title;
      });
      if (title === null) return { more: false, titles };
      titles.add(title);
    }
    return { more: true, titles };
  }

  /**
   * The moment at which the version appears: text, passages and units at once, and those of the version before go. False when the title
   * changed while the units were written.
   */
  private async finish(ctx: OrgContext, documentId: string, version: number, extraction: Extraction, count: number, { titles }: Written) {
    const end = await this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.documents.lock(tx, ctx, documentId);
        if (!before || !(await this.isWaiting(tx, ctx, before, version))) return 'gone';
        const former = (await this.versions.newestReady(tx, ctx, documentId)) ?? 0;
        if (former < version && (titles.size > 1 || !titles.has(before.title))) return 'renamed';
        await this.chunks.remove(tx, ctx, documentId, version, count);
        await this.versions.fill(tx, ctx, documentId, version, extraction);
        if (former < version) {
          if (former > 0) await this.index.veil(tx, ctx, 'document', { documentId, version: former });
          await this.index.unveil(tx, ctx, 'document', { documentId, version });
        }
        if (before.version !== version) return 'overtaken';
        const row: DocumentRow = { ...before, status: 'ready', mediaType: extraction.mediaType, updatedAt: later(before.updatedAt) };
        await this.documents.update(tx, ctx, row);
        await this.events.append(tx, ctx, told('documents.ready', row, { facts: { version } }));
        return 'ready';
      },
      FINISHING,
    );
    if (end === 'ready') this.metrics.ingestions.inc({ status: 'ready' });
    return end !== 'renamed';
  }

  /** A version waits for its text until it has one or has failed; one that a newer has overtaken gets its text all the same. */
  private async isWaiting(tx: Tx, ctx: OrgContext, row: DocumentRow, version: number): Promise<boolean> {
    if (row.version === version && row.status !== 'processing') return false;
    return !(await this.versions.isReady(tx, ctx, row.id, version));
  }
}
