import { Injectable } from '@nestjs/common';
import type { MemoryReview, MemoryReviewId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict } from '@atrium/platform/errors';
import { type GrantSet, ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { assertMayChange } from './access.js';
import { holdsAt } from './contradiction.js';
import { endOf } from './memory.js';
import { MemoryChanges, noChanges } from './memory-changes.js';
import { MemoryRepository } from './memory.repository.js';
import { NamespaceRepository } from './namespace.repository.js';
import { isMoot, reviewNotFound, type Reviewed, toReview } from './review.js';
import { ReviewRepository } from './review.repository.js';

/** The decisions of reviews: those who may change the memory that would end. */
@Injectable()
export class ReviewsService {
  constructor(
    private readonly db: Db,
    private readonly readers: ReaderGrants,
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
    private readonly reviews: ReviewRepository,
    private readonly changes: MemoryChanges,
  ) {}

  /**
   * The proposed memory takes the place of the existing one, unless one of them holds no longer.
   * @throws NotFound `memory.review_not_found`, Forbidden `memory.not_owner`, Conflict `memory.review_decided`
   */
  accept(ctx: OrgContext, id: MemoryReviewId): Promise<MemoryReview> {
    return this.decide(ctx, id, 'accepted');
  }

  /** Both go on to hold. @throws as `accept` does */
  reject(ctx: OrgContext, id: MemoryReviewId): Promise<MemoryReview> {
    return this.decide(ctx, id, 'rejected');
  }

  private async decide(ctx: OrgContext, id: MemoryReviewId, status: 'accepted' | 'rejected'): Promise<MemoryReview> {
    const grants = await this.readers.of(ctx);
    return this.db.inOrg(ctx, async (tx) => {
      const { review, proposed, existing } = await this.lock(tx, ctx, grants, id);
      assertMayChange(ctx, existing);
      if (review.status !== 'open') throw new Conflict('memory.review_decided', `The review was ${review.status} already.`);
      const namespace = (await this.namespaces.names(tx, ctx, [existing.namespaceId])).get(existing.namespaceId) ?? '';
      const changes = noChanges();
      const decided = await this.changes.decideReview(tx, ctx, review, { proposed, existing }, status, changes);
      const from = proposed.validFrom > existing.validFrom ? proposed.validFrom : existing.validFrom;
      const isStanding = holdsAt({ validFrom: existing.validFrom, validTo: endOf(existing) }, from);
      if (status === 'accepted' && isStanding && !isMoot({ proposed, existing })) {
        await this.changes.supersede(tx, ctx, existing, proposed, namespace, changes, review.reason);
      }
      await this.changes.tell(tx, ctx, changes);
      const sides = await this.memories.findMany(tx, ctx, [proposed.id, existing.id]);
      const names = new Map([[existing.namespaceId, namespace]]);
      const answer = toReview(decided, sides, names);
      if (!answer) throw reviewNotFound();
      return answer;
    });
  }

  /** The review and its sides under the lock of their namespace. @throws NotFound `memory.review_not_found` */
  private async lock(tx: Tx, ctx: OrgContext, grants: GrantSet, id: string): Promise<Reviewed> {
    const { existing } = await this.reviewed(tx, ctx, grants, id);
    await this.namespaces.lock(tx, ctx, existing.namespaceId);
    return this.reviewed(tx, ctx, grants, id);
  }

  private async reviewed(tx: Tx, ctx: OrgContext, grants: GrantSet, id: string): Promise<Reviewed> {
    const review = await this.reviews.find(tx, ctx, id);
    if (!review) throw reviewNotFound();
    const get = (memoryId: string) =>
      this.memories.get(tx, ctx, grants, memoryId).catch(() => {
        throw reviewNotFound();
      });
    return { review, proposed: await get(review.proposedId), existing: await get(review.existingId) };
  }
}
