import { Module } from '@nestjs/common';
import { OrganizationsModule } from '@atrium/features/organizations';
import { AccessDepartures } from './access-departures.js';
import { AccessPrincipals } from './access-principals.js';
import { BlobSweep } from './blob-sweep.js';
import { ChunkRepository } from './chunk.repository.js';
import { DocumentBlobs } from './document-blobs.js';
import { DocumentQuotes } from './document-quotes.js';
import { DocumentTools } from './document.tools.js';
import { DocumentRepository } from './document.repository.js';
import { DocumentVersionsController } from './document-versions.controller.js';
import { DocumentsController } from './documents.controller.js';
import { DocumentsQueries } from './documents.queries.js';
import { DocumentsService } from './documents.service.js';
import { DownloadsService } from './downloads.service.js';
import { Ingestion } from './ingestion.js';
import { IngestionService } from './ingestion.service.js';
import { Settling } from './settling.js';
import { UploadsService } from './uploads.service.js';
import { VersionRepository } from './version.repository.js';

/** Documents: uploads, versions, ingestion into text, passages and search units. */
@Module({
  imports: [OrganizationsModule],
  controllers: [DocumentsController, DocumentVersionsController],
  providers: [
    AccessDepartures,
    AccessPrincipals,
    BlobSweep,
    ChunkRepository,
    DocumentBlobs,
    DocumentQuotes,
    DocumentRepository,
    DocumentTools,
    DocumentsQueries,
    DocumentsService,
    DownloadsService,
    Ingestion,
    IngestionService,
    Settling,
    UploadsService,
    VersionRepository,
  ],
  exports: [DocumentsQueries, DocumentsService],
})
export class DocumentsModule {}
