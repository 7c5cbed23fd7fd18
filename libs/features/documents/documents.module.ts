import { Module } from '@nestjs/common';
import { BlobSweep } from './blob-sweep.js';
import { ChunkRepository } from './chunk.repository.js';
import { DocumentBlobs } from './document-blobs.js';
import { DocumentQuotes } from './document-quotes.js';
import { DocumentRepository } from './document.repository.js';
import { DocumentVersionsController } from './document-versions.controller.js';
import { DocumentsController } from './documents.controller.js';
import { DocumentsQueries } from './documents.queries.js';
import { DocumentsService } from './documents.service.js';
import { DownloadsService } from './downloads.service.js';
import { Ingestion } from './ingestion.js';
import { IngestionService } from './ingestion.service.js';
import { UploadsService } from './uploads.service.js';
import { VersionRepository } from './version.repository.js';

/** Documents: uploads, versions, ingestion into text, passages and search units. */
@Module({
  controllers: [DocumentsController, DocumentVersionsController],
  providers: [
    BlobSweep,
    ChunkRepository,
    DocumentBlobs,
    DocumentQuotes,
    DocumentRepository,
    DocumentsQueries,
    DocumentsService,
    DownloadsService,
    Ingestion,
    IngestionService,
    UploadsService,
    VersionRepository,
  ],
  exports: [DocumentsQueries, DocumentsService],
})
export class DocumentsModule {}
