import { Injectable, type OnModuleInit } from '@nestjs/common';
import { MemoryReference } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import type { JsonObject } from '@atrium/platform/events';
import { type LocatedQuote, mayRead, ReaderGrants, type ReferenceResolver, ReferenceResolvers } from '@atrium/platform/search';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { MemoryRepository } from './memory.repository.js';

/** Answers whether a memory says what is quoted from it, letter by letter, to those who may read it. */
@Injectable()
export class MemoryQuotes implements ReferenceResolver, OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly readers: ReaderGrants,
    private readonly resolvers: ReferenceResolvers,
    private readonly memories: MemoryRepository,
  ) {}

  onModuleInit(): void {
    this.resolvers.register('memory', this);
  }

  async locate(ctx: OrgContext, source: JsonObject, quote: string): Promise<LocatedQuote | null> {
    const reference = MemoryReference.safeParse(source);
    if (!reference.success || personOf(ctx) === null || !ctx.permissions.has('memory:read')) return null;
    const grants = await this.readers.of(ctx);
    const row = await this.db.readInOrg(ctx, (tx) => this.memories.find(tx, ctx, reference.data.memoryId));
    const start = row && mayRead(row, grants) && quote !== '' ? row.content.indexOf(quote) : -1;
    if (!row || start < 0) return null;
    const title = [row.subject, row.predicate].filter((part) => part !== null).join(' · ');
    return { start, end: start + quote.length, quote, title, page: null };
  }
}
