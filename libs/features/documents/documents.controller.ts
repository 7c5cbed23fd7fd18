import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Document, DocumentId, DocumentPage, DocumentsQuery, PatchDocument } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { DocumentsQueries } from './documents.queries.js';
import { DocumentsService } from './documents.service.js';
import { AcceptsNewDocument } from './upload.decorator.js';
import { UploadsService } from './uploads.service.js';

@Controller('v1/documents')
export class DocumentsController {
  constructor(
    private readonly uploads: UploadsService,
    private readonly documents: DocumentsService,
    private readonly queries: DocumentsQueries,
  ) {}

  @Post()
  @Requires('documents:write')
  @AcceptsNewDocument()
  @Answers('Take in a document; it is `processing` until its text was read', Document, 202)
  create(@Ctx() ctx: OrgContext, @Req() request: FastifyRequest) {
    return this.uploads.create(ctx, request);
  }

  @Get()
  @Requires('documents:read')
  @Answers('List the documents that one may read, newest first', DocumentPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: DocumentsQuery }) query: DocumentsQuery) {
    return this.queries.list(ctx, query);
  }

  @Get(':id')
  @Requires('documents:read')
  @Answers('Read a document', Document)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: DocumentId }) id: DocumentId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('documents:write')
  @Answers('Change title, metadata or access of a document', Document)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: DocumentId }) id: DocumentId,
    @Body({ schema: PatchDocument }) body: PatchDocument,
  ) {
    return this.documents.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('documents:write')
  @Answers('Remove a document with its versions, passages and files', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: DocumentId }) id: DocumentId) {
    return this.documents.remove(ctx, id);
  }

  @Post(':id/retry')
  @Requires('documents:write')
  @Answers('Try again to read a document that failed', Document, 202)
  retry(@Ctx() ctx: OrgContext, @Param('id', { schema: DocumentId }) id: DocumentId) {
    return this.documents.retry(ctx, id);
  }
}
