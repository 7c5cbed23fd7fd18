import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Durable, type DurableRun } from '@atrium/platform/durable';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { sandboxDescription } from './extraction/sandbox.js';
import { IngestionService } from './ingestion.service.js';
import { Settling } from './settling.js';

const INGEST = 'documents.ingest';
const REINDEX = 'documents.reindex';
/** Documents that one process takes in at once, and how many of one organization: one is read while the passages of another are written. */
const CONCURRENCY = { concurrency: 4, share: 2 };
const TELL_WALLS_MS = 15_000;
const RETRY = { attempts: 3, backoffSeconds: 2 };

/** Starts durable work from what the log tells, so that nothing that was committed is forgotten. */
@Injectable()
export class Ingestion implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly durable: Durable,
    private readonly ingestion: IngestionService,
    private readonly settling: Settling,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.durable.register(
      INGEST,
      (args, run) => this.ingest(args.orgId as OrgId, String(args['documentId']), Number(args['version']), run),
      CONCURRENCY,
    );
    this.durable.register(REINDEX, (args, run) => this.reindex(args.orgId as OrgId, String(args['documentId']), run), {
      concurrency: 2,
      share: 1,
    });
  }

  /** Some seconds later, because trying the walls starts processes and would delay the start. */
  onApplicationBootstrap(): void {
    setTimeout(() => void sandboxDescription().then((sentence) => this.log.info(sentence)), TELL_WALLS_MS).unref();
  }

  @OnEvent('documents.ingest', ['documents.uploaded', 'documents.version_added', 'documents.retried'])
  async startIngestion(ctx: OrgContext, event: LoggedEvent): Promise<void> {
    const documentId = event.subject.id;
    const version = Number(event.data['version']);
    // Each try is an event of its own, and its seq the number of the try.
    await this.durable.start(INGEST, `ingest:${documentId}:${version}:${event.seq}`, { orgId: ctx.orgId, documentId, version });
  }

  @OnEvent('documents.reindex', 'documents.changed')
  async startReindexing(ctx: OrgContext, event: LoggedEvent): Promise<void> {
    const fields = event.data['fields'];
    if (!Array.isArray(fields) || !fields.includes('title')) return;
    await this.durable.start(REINDEX, `reindex:${event.id}`, { orgId: ctx.orgId, documentId: event.subject.id });
  }

  private async ingest(orgId: OrgId, documentId: string, version: number, run: DurableRun): Promise<void> {
    const ctx = systemContext(orgId, run.id);
    try {
      await run.step('extract and store', () => this.ingestion.ingest(ctx, documentId, version, run.signal), RETRY);
    } catch (error) {
      this.log.fault('a document could not be ingested', error, { orgId, id: documentId });
      const failure = { code: 'internal', message: 'Something failed on our side while this file was read. Try it again.' };
      await run.step('give up', () => this.ingestion.fail(ctx, documentId, version, failure), { attempts: 10, backoffSeconds: 2 });
    }
    await run.repeat('settle', () => this.settling.settleSome(ctx, documentId), { attempts: 10, backoffSeconds: 2 });
  }

  private async reindex(orgId: OrgId, documentId: string, run: DurableRun): Promise<void> {
    await run.step('write units', () => this.ingestion.reindex(systemContext(orgId, run.id), documentId), RETRY);
  }
}
