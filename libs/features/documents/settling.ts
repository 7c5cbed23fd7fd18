import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import { SearchIndex } from '@atrium/platform/search';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { ChunkRepository } from './chunk.repository.js';
import type { DocumentRow } from './document.js';
import { DocumentRepository } from './document.repository.js';
import { VersionRepository } from './version.repository.js';

const SETTLE = 'documents.settle';
const RETRY = { attempts: 10, backoffSeconds: 2 };
/** Units of one transaction. */
const BATCH = 200;

/**
 * Brings the search index after what a document has become, some units at a time: those of a removed document and of former or failed
 * versions go, and the rest of a large one get their new grants. Until then a veil hides them. What an ingestion leaves it settles itself.
 */
@Injectable()
export class Settling implements OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly index: SearchIndex,
    private readonly documents: DocumentRepository,
    private readonly versions: VersionRepository,
    private readonly chunks: ChunkRepository,
  ) {}

  onModuleInit(): void {
    this.durable.register(
      SETTLE,
      ({ orgId, documentId }, run) =>
        run.repeat('settle', () => this.settleSome(systemContext(orgId as OrgId, run.id), String(documentId)), RETRY),
      { concurrency: 2 },
    );
  }

  @OnEvent(SETTLE, ['documents.removed', 'documents.changed'])
  async start(ctx: OrgContext, { id, subject, type, data }: LoggedEvent): Promise<void> {
    const { fields } = data;
    if (type === 'documents.changed' && !(Array.isArray(fields) && (fields.includes('accessLevel') || fields.includes('accessGrants'))))
      return;
    await this.durable.start(SETTLE, `settle:${id}`, { orgId: ctx.orgId, documentId: subject.id });
  }

  /** One veil's next units; whether there may be more to do. */
  settleSome(ctx: OrgContext, documentId: string): Promise<boolean> {
    return this.db.inOrg(ctx, async (tx) => {
      const row = await this.documents.lock(tx, ctx, documentId);
      const newest = row && ((await this.versions.newestReady(tx, ctx, documentId)) ?? 0);
      const subject = { kind: 'document', subjectId: documentId } as const;
      for (const source of await this.index.veils(tx, ctx, 'document', { documentId })) {
        const version = typeof source['version'] === 'number' ? source['version'] : null;
        if (row && version !== null && !isOver(row, version, newest ?? 0)) continue;
        const done =
          row && version === null
            ? await this.index.regrantSome(tx, ctx, { ...subject, grants: row.readers }, BATCH)
            : await this.index.removeSome(tx, ctx, { ...subject, source }, BATCH);
        if (done === BATCH) return true;
        if (row && version !== null && version > (newest ?? 0)) await this.chunks.remove(tx, ctx, documentId, version);
        await this.index.unveil(tx, ctx, 'document', source);
        return true;
      }
      return false;
    });
  }
}

/** Whether the units of a version have no future: a newer one is ready, or it has failed. */
const isOver = (row: DocumentRow, version: number, newest: number) =>
  version < newest || (version === row.version && row.status === 'failed');
