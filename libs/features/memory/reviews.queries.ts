import { Injectable } from '@nestjs/common';
import type { MemoryReview, MemoryReviewId, MemoryReviewsQuery, Page } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { mayRead, ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { MemoryRepository } from './memory.repository.js';
import { NamespaceRepository } from './namespace.repository.js';
import { reviewNotFound, toReview } from './review.js';
import { ReviewRepository, type ReviewRow } from './review.repository.js';

/** The reads on reviews: those of which one may read both sides. */
@Injectable()
export class ReviewsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
    private readonly reviews: ReviewRepository,
  ) {}

  /** Newest first. */
  async list(ctx: OrgContext, { limit, cursor, status }: MemoryReviewsQuery): Promise<Page<MemoryReview>> {
    const before = decodeCursor(cursor, ['uuid'])?.[0];
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.reviews.list(tx, ctx, grants, status, before, limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.id]);
      return listed({ data: await this.show(tx, ctx, data), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `memory.review_not_found` */
  async get(ctx: OrgContext, id: MemoryReviewId): Promise<MemoryReview> {
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const row = await this.reviews.find(tx, ctx, id);
      const sides = row ? await this.memories.findMany(tx, ctx, [row.proposedId, row.existingId]) : [];
      if (!row || !sides.every((side) => mayRead(side, grants))) throw reviewNotFound();
      const [review] = await this.show(tx, ctx, [row]);
      if (!review) throw reviewNotFound();
      return review;
    });
  }

  private async show(tx: Tx, ctx: OrgContext, rows: readonly ReviewRow[]): Promise<MemoryReview[]> {
    const ids = rows.flatMap((row) => [row.proposedId, row.existingId]);
    const sides = await this.memories.findMany(tx, ctx, ids);
    const names = await this.namespaces.names(
      tx,
      ctx,
      sides.map((side) => side.namespaceId),
    );
    return rows.flatMap((row) => toReview(row, sides, names) ?? []);
  }
}
