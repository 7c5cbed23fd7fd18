import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  CreatePattern,
  PageQuery,
  PatchPattern,
  Pattern,
  PatternId,
  PatternPage,
  PatternsQuery,
  PatternUsage,
  PatternUsagePage,
  PatternUsagesQuery,
  RecordUsage,
  SuggestedPatterns,
  SuggestPatterns,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { PatternsQueries } from './patterns.queries.js';
import { PatternsService } from './patterns.service.js';

@Controller('v1/patterns')
export class PatternsController {
  constructor(
    private readonly patterns: PatternsService,
    private readonly queries: PatternsQueries,
  ) {}

  @Post()
  @Requires('memory:write')
  @Answers('Write down what to do in a situation', Pattern, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreatePattern }) body: CreatePattern) {
    return this.patterns.create(ctx, body);
  }

  @Get()
  @Requires('memory:read')
  @Answers('List the patterns that one may read, newest or best first', PatternPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PatternsQuery }) query: PatternsQuery) {
    return this.queries.list(ctx, query);
  }

  @Post('suggest')
  @Requires('memory:read')
  @Answers('Find what worked in a situation like this one', SuggestedPatterns)
  suggest(@Ctx() ctx: OrgContext, @Body({ schema: SuggestPatterns }) body: SuggestPatterns) {
    return this.queries.suggest(ctx, body);
  }

  @Get(':id')
  @Requires('memory:read')
  @Answers('Read a pattern', Pattern)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: PatternId }) id: PatternId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('memory:write')
  @Answers('Change a pattern, put it aside or take it back', Pattern)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: PatternId }) id: PatternId, @Body({ schema: PatchPattern }) body: PatchPattern) {
    return this.patterns.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('memory:write')
  @Answers('Remove a pattern and its usages', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: PatternId }) id: PatternId) {
    return this.patterns.remove(ctx, id);
  }

  @Post(':id/usages')
  @Requires('memory:write')
  @Answers('Tell how a pattern worked', PatternUsage, 201)
  recordUsage(@Ctx() ctx: OrgContext, @Param('id', { schema: PatternId }) id: PatternId, @Body({ schema: RecordUsage }) body: RecordUsage) {
    return this.patterns.recordUsage(ctx, id, body);
  }

  @Get(':id/usages')
  @Requires('memory:read')
  @Answers('List the newest usages of a pattern', PatternUsagePage)
  usages(@Ctx() ctx: OrgContext, @Param('id', { schema: PatternId }) id: PatternId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.usages(ctx, id, query);
  }
}

@Controller('v1/pattern-usages')
export class PatternUsagesController {
  constructor(private readonly queries: PatternsQueries) {}

  @Get()
  @Requires('memory:read')
  @Answers('List what a person or an agent used, the last first', PatternUsagePage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PatternUsagesQuery }) query: PatternUsagesQuery) {
    return this.queries.used(ctx, query);
  }
}
