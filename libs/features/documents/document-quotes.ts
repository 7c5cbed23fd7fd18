import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DocumentSource } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import type { JsonObject } from '@atrium/platform/events';
import { type LocatedQuote, ReaderGrants, type ReferenceResolver, ReferenceResolvers } from '@atrium/platform/search';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { grantsOf } from './document.js';
import { DocumentRepository } from './document.repository.js';
import { quoteIn } from './quote.js';
import { VersionRepository } from './version.repository.js';

/** Answers whether a document says what is quoted from it, to those who may read it. */
@Injectable()
export class DocumentQuotes implements ReferenceResolver, OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly readers: ReaderGrants,
    private readonly resolvers: ReferenceResolvers,
    private readonly documents: DocumentRepository,
    private readonly versions: VersionRepository,
  ) {}

  onModuleInit(): void {
    this.resolvers.register('document', this);
  }

  async locate(ctx: OrgContext, source: JsonObject, quote: string): Promise<LocatedQuote | null> {
    const place = DocumentSource.safeParse(source);
    if (!place.success || personOf(ctx) === null || !ctx.permissions.has('documents:read')) return null;
    const { documentId, version, start, end } = place.data;
    const grants = await this.readers.of(ctx);
    const text = await this.db.readInOrg(ctx, async (tx) => {
      const row = await this.documents.find(tx, ctx, documentId);
      if (!row || !grantsOf(row).some((grant) => grants.has(grant))) return null;
      return this.versions.text(tx, ctx, documentId, version);
    });
    return text && quoteIn(text.text, start, end, quote);
  }
}
