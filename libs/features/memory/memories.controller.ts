import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AddedMemories,
  AddMemories,
  AddMemory,
  ExtractedMemories,
  ExtractMemories,
  MemoriesQuery,
  Memory,
  MemoryEntryPage,
  MemoryId,
  MemoryPage,
  MemorySearchResult,
  PageQuery,
  PatchMemory,
  SearchMemories,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ExtractionService } from './extraction.service.js';
import { MemoriesQueries } from './memories.queries.js';
import { MemoriesService } from './memories.service.js';

@Controller('v1/memories')
export class MemoriesController {
  constructor(
    private readonly memories: MemoriesService,
    private readonly queries: MemoriesQueries,
    private readonly extraction: ExtractionService,
  ) {}

  @Post()
  @Requires('memory:write')
  @ApiResponse({ status: 200, description: 'It was known already: the one memory of it', standardSchema: Memory })
  @Answers('Remember something', Memory, 201)
  async add(@Ctx() ctx: OrgContext, @Body({ schema: AddMemory }) body: AddMemory, @Res({ passthrough: true }) reply: FastifyReply) {
    const { outcome, memory } = await this.memories.add(ctx, body);
    if (outcome === 'confirmed') void reply.status(200);
    return memory;
  }

  @Get()
  @Requires('memory:read')
  @Answers('List the memories that one may read, newest first', MemoryPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: MemoriesQuery }) query: MemoriesQuery) {
    return this.queries.list(ctx, query);
  }

  @Post('search')
  @Requires('memory:read')
  @Answers('Search memories, of now or of another time', MemorySearchResult)
  search(@Ctx() ctx: OrgContext, @Body({ schema: SearchMemories }) body: SearchMemories) {
    return this.queries.search(ctx, body);
  }

  @Post('batch')
  @Requires('memory:write')
  @Answers('Remember up to 100 things, all or none of them', AddedMemories)
  addAll(@Ctx() ctx: OrgContext, @Body({ schema: AddMemories }) body: AddMemories) {
    return this.memories.addAll(ctx, body);
  }

  @Post('extract')
  @Requires('memory:write')
  @Answers('Find facts in a conversation and remember them', ExtractedMemories)
  extract(@Ctx() ctx: OrgContext, @Body({ schema: ExtractMemories }) body: ExtractMemories) {
    return this.extraction.extract(ctx, body);
  }

  @Get(':id')
  @Requires('memory:read')
  @Answers('Read a memory', Memory)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryId }) id: MemoryId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('memory:write')
  @Answers('Correct a memory in place', Memory)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryId }) id: MemoryId, @Body({ schema: PatchMemory }) body: PatchMemory) {
    return this.memories.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('memory:write')
  @Answers('Forget a memory, its history too', null)
  forget(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryId }) id: MemoryId) {
    return this.memories.forget(ctx, id);
  }

  @Get(':id/history')
  @Requires('memory:read')
  @Answers('Read what became of a fact, oldest first', MemoryEntryPage)
  history(@Ctx() ctx: OrgContext, @Param('id', { schema: MemoryId }) id: MemoryId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.history(ctx, id, query);
  }
}
