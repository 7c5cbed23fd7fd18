import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import { MemoryReview, MemoryReviewId, MemoryReviewPage, MemoryReviewsQuery } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ReviewsQueries } from './reviews.queries.js';
import { ReviewsService } from './reviews.service.js';

@Controller('v1/memory-reviews')
export class MemoryReviewsController {
  constructor(
    private readonly reviews: ReviewsService,
    private readonly queries: ReviewsQueries,
  ) {}

  @Get()
  @Requires('memory:read')
  @Answers('List the reviews of which one may read both sides, newest first', MemoryReviewPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: MemoryReviewsQuery }) query: MemoryReviewsQuery) {
    return this.queries.list(ctx, query);
  }

  @Get(':id')
  @Requires('memory:read')
  @Answers('Read a review', MemoryReview)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryReviewId }) id: MemoryReviewId) {
    return this.queries.get(ctx, id);
  }

  @Post(':id/accept')
  @Requires('memory:write')
  @Answers('Let the proposed memory take the place of the existing one', MemoryReview)
  accept(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryReviewId }) id: MemoryReviewId) {
    return this.reviews.accept(ctx, id);
  }

  @Post(':id/reject')
  @Requires('memory:write')
  @Answers('Let both memories hold', MemoryReview)
  reject(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryReviewId }) id: MemoryReviewId) {
    return this.reviews.reject(ctx, id);
  }
}
