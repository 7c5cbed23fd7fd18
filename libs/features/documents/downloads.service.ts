import { Inject, Injectable, StreamableFile } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DocumentId } from '@atrium/contracts';
import { Invalid } from '@atrium/platform/errors';
import { assertBlobKey, BLOBS, type BlobStore, parseRange } from '@atrium/platform/storage';
import type { OrgContext } from '@atrium/platform/tenancy';
import { DocumentsQueries } from './documents.queries.js';
import { attachmentNamed } from './file-name.js';

/** Gives original files out: whole, in part (Range, If-Range), or not again (If-None-Match). Never shown by a browser, only saved. */
@Injectable()
export class DownloadsService {
  constructor(
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly queries: DocumentsQueries,
  ) {}

  /**
   * Sets status and headers of the answer; undefined when the client has the file (304).
   * @throws NotFound as `DocumentsQueries.file`, `storage.not_found`; Invalid `documents.range_not_satisfiable` (416)
   */
  async open(
    ctx: OrgContext,
    id: DocumentId,
    version: number | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<StreamableFile | undefined> {
    const file = await this.queries.file(ctx, id, version);
    const key = file.blobKey;
    assertBlobKey(key);
    const etag = `"${file.sha256}"`;
    void reply.header('accept-ranges', 'bytes');
    const { 'if-none-match': ifNoneMatch, 'if-range': ifRange, range: wanted } = request.headers;
    if (ifNoneMatch === '*' || ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)) {
      void reply.status(304).header('etag', etag);
      return undefined;
    }
    const sizeBytes = Number(file.sizeBytes);
    const range = parseRange(ifRange === undefined || ifRange === etag ? wanted : undefined, sizeBytes);
    if (range.kind === 'unsatisfiable') {
      void reply.header('content-range', range.contentRange);
      throw new Invalid('documents.range_not_satisfiable', `The file has ${sizeBytes} bytes.`, { status: 416 });
    }
    const { stream } = await this.blobs.open(key, range.kind === 'part' ? { start: range.start, end: range.end } : undefined);
    if (range.kind === 'part') void reply.status(206).header('content-range', range.contentRange);
    void reply.headers({ etag, 'x-content-type-options': 'nosniff' });
    return new StreamableFile(stream, {
      type: file.mediaType,
      disposition: attachmentNamed(file.fileName),
      length: range.kind === 'part' ? range.end - range.start + 1 : sizeBytes,
    });
  }
}
