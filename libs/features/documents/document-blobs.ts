import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Db } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { type BlobKey, blobKey, BLOBS, type BlobStore } from '@atrium/platform/storage';
import type { OrgContext } from '@atrium/platform/tenancy';
import { VersionRepository } from './version.repository.js';

type Org = Pick<OrgContext, 'orgId'>;

const PART = 'document';
const BATCH = 200;

/** A key for a file of a document, never used before: `orgId/documentId/document/uploadId`. */
export const newKey = ({ orgId }: Org, documentId: string): BlobKey => blobKey(orgId, documentId, PART, uuidv7());

/** Keeps the stored files in step with the versions that name them. */
@Injectable()
export class DocumentBlobs {
  constructor(
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly db: Db,
    private readonly versions: VersionRepository,
    private readonly log: Log,
  ) {}

  /**
   * Removes a file whose command failed or was a repeat, unless a version names it all the same: the answer to a commit can be lost. What
   * cannot be found out or removed now is left to the sweep.
   */
  async discardUnlessNamed(ctx: Org, documentId: string, key: BlobKey): Promise<void> {
    try {
      const unnamed = await this.db.readInOrg(ctx, (tx) => this.versions.unnamed(tx, ctx, [documentId], [key]));
      if (unnamed.has(key)) await this.blobs.remove(key);
    } catch (error) {
      this.log.fault('a file that may be unused is left to the sweep', error, { orgId: ctx.orgId });
    }
  }

  /** Removes the files of a document that is gone; what fails is left to the sweep. */
  async removeAll(ctx: Org, documentId: string): Promise<void> {
    try {
      await this.blobs.removePrefix(`${ctx.orgId}/${documentId}`);
    } catch (error) {
      this.log.fault('the files of a removed document are left to the sweep', error, { orgId: ctx.orgId });
    }
  }

  /** Removes the organization's files that no version names and that are older than so many seconds. Returns how many that were. */
  async sweep(ctx: Org, olderThanSeconds: number): Promise<number> {
    let removed = 0;
    let batch: BlobKey[] = [];
    for await (const key of this.blobs.list(ctx.orgId)) {
      if (key.split('/')[2] !== PART) continue;
      batch.push(key);
      if (batch.length < BATCH) continue;
      removed += await this.sweepBatch(ctx, batch, olderThanSeconds);
      batch = [];
    }
    return removed + (await this.sweepBatch(ctx, batch, olderThanSeconds));
  }

  private async sweepBatch(ctx: Org, keys: BlobKey[], olderThanSeconds: number): Promise<number> {
    if (keys.length === 0) return 0;
    const documentIds = [...new Set(keys.map((key) => key.split('/')[1] ?? ''))];
    const unnamed = await this.db.readInOrg(ctx, (tx) => this.versions.unnamed(tx, ctx, documentIds, keys));
    let removed = 0;
    for (const key of keys.filter((one) => unnamed.has(one))) {
      const found = await this.blobs.stat(key).catch(() => null);
      if (!found || Date.now() - found.modifiedAt.getTime() < olderThanSeconds * 1_000) continue;
      await this.blobs.remove(key);
      removed += 1;
    }
    return removed;
  }
}
