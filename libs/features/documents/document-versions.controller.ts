import { Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiProduces } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  ChunksQuery,
  Document,
  DocumentChunkPage,
  DocumentId,
  DocumentText,
  DocumentVersionPage,
  PageQuery,
  VersionQuery,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { DocumentsQueries } from './documents.queries.js';
import { DownloadsService } from './downloads.service.js';
import { AcceptsNewVersion } from './upload.decorator.js';
import { UploadsService } from './uploads.service.js';

@Controller('v1/documents/:id')
export class DocumentVersionsController {
  constructor(
    private readonly uploads: UploadsService,
    private readonly downloads: DownloadsService,
    private readonly queries: DocumentsQueries,
  ) {}

  @Get('versions')
  @Requires('documents:read')
  @Answers('List the versions of a document, newest first', DocumentVersionPage)
  list(@Ctx() ctx: OrgContext, @Param('id', { schema: DocumentId }) id: DocumentId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.listVersions(ctx, id, query);
  }

  @Post('versions')
  @Requires('documents:write')
  @AcceptsNewVersion()
  @Answers('Add a version; the one before stays readable until it is ready', Document, 202)
  add(@Ctx() ctx: OrgContext, @Param('id', { schema: DocumentId }) id: DocumentId, @Req() request: FastifyRequest) {
    return this.uploads.addVersion(ctx, id, request);
  }

  @Get('content')
  @Requires('documents:read')
  @ApiProduces('application/octet-stream')
  @Answers('Download the original file, whole or by Range', null, 200)
  content(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: DocumentId }) id: DocumentId,
    @Query({ schema: VersionQuery }) { version }: VersionQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.downloads.open(ctx, id, version, request, reply);
  }

  @Get('text')
  @Requires('documents:read')
  @Answers('Read the text of a version, by default of the newest that is ready', DocumentText)
  text(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: DocumentId }) id: DocumentId,
    @Query({ schema: VersionQuery }) { version }: VersionQuery,
  ) {
    return this.queries.text(ctx, id, version);
  }

  @Get('chunks')
  @Requires('documents:read')
  @Answers('List the passages of a version, by default of the newest that is ready', DocumentChunkPage)
  chunks(@Ctx() ctx: OrgContext, @Param('id', { schema: DocumentId }) id: DocumentId, @Query({ schema: ChunksQuery }) query: ChunksQuery) {
    return this.queries.chunks(ctx, id, query);
  }
}
