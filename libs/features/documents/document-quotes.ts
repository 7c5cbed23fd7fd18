import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DocumentSource } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import type { JsonObject } from '@atrium/platform/events';
import { type LocatedQuote, mayRead, ReaderGrants, type ReferenceResolver, ReferenceResolvers } from '@atrium/platform/search';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { DocumentRepository } from './document.repository.js';
import { pageAt, quoteIn } from './quote.js';
import { VersionRepository } from './version.repository.js';

type VersionText = NonNullable<Awaited<ReturnType<VersionRepository['text']>>>;

/** Texts that are kept between the quotes of one answer. UTF-16 code units in all, and milliseconds. */
const KEPT_CHARS = 32 * 2 ** 20;
const KEPT_MS = 30_000;

/** Answers whether a document says what is quoted from it, to those who may read it. */
@Injectable()
export class DocumentQuotes implements ReferenceResolver, OnModuleInit {
  private readonly texts = new LRUCache<string, VersionText>({
    maxSize: KEPT_CHARS,
    sizeCalculation: ({ text }) => text.length + 1,
    ttl: KEPT_MS,
  });

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
    const read = await this.db.readInOrg(ctx, async (tx) => {
      const row = await this.documents.find(tx, ctx, documentId);
      if (!row || !mayRead(row, grants)) return null;
      const extraction = await this.textOf(tx, ctx, documentId, version);
      return extraction && { ...extraction, title: row.title };
    });
    const placed = read && quoteIn(read.text, start, end, quote);
    return placed && { ...placed, title: read.title, page: pageAt(read.pages, placed.start) };
  }

  /** The text of a version never changes; a large one takes long to come. Whether it may be read was asked before. */
  private async textOf(tx: Tx, ctx: OrgContext, documentId: string, version: number): Promise<VersionText | null> {
    const key = `${ctx.orgId}:${documentId}:${version}`;
    const text = this.texts.get(key) ?? (await this.versions.text(tx, ctx, documentId, version));
    if (text) this.texts.set(key, text);
    return text;
  }
}
