import { Module } from '@nestjs/common';
import { ModelsModule } from '@atrium/features/models';
import { OrganizationsModule } from '@atrium/features/organizations';
import { Departures } from './departures.js';
import { EntryRepository } from './entry.repository.js';
import { ExpirySweep } from './expiry-sweep.js';
import { ExtractionService } from './extraction.service.js';
import { Grantees } from './grantees.js';
import { MemoriesController } from './memories.controller.js';
import { MemoriesQueries } from './memories.queries.js';
import { MemoriesService } from './memories.service.js';
import { MemoryChanges } from './memory-changes.js';
import { MemoryQuotes } from './memory-quotes.js';
import { MemoryRepository } from './memory.repository.js';
import { MemoryTools } from './memory.tools.js';
import { MemoryUnits } from './memory-units.js';
import { NamespaceRepository } from './namespace.repository.js';
import { NamespacesController } from './namespaces.controller.js';
import { NamespacesQueries } from './namespaces.queries.js';
import { NamespacesService } from './namespaces.service.js';
import { PatternRepository } from './patterns/pattern.repository.js';
import { PatternTools } from './patterns/pattern.tools.js';
import { PatternsController, PatternUsagesController } from './patterns/patterns.controller.js';
import { PatternsQueries } from './patterns/patterns.queries.js';
import { PatternsService } from './patterns/patterns.service.js';
import { Remembering } from './remembering.js';
import { ReviewRepository } from './review.repository.js';
import { MemoryReviewsController } from './reviews.controller.js';
import { ReviewsQueries } from './reviews.queries.js';
import { ReviewsService } from './reviews.service.js';
import { SimilarMemories } from './similar-memories.js';

/** What people and agents remember: facts in namespaces, their history, the reviews of doubtful contradictions, and patterns of what worked. */
@Module({
  imports: [OrganizationsModule, ModelsModule],
  controllers: [MemoriesController, NamespacesController, MemoryReviewsController, PatternsController, PatternUsagesController],
  providers: [
    Departures,
    EntryRepository,
    ExpirySweep,
    ExtractionService,
    Grantees,
    MemoriesQueries,
    MemoriesService,
    MemoryChanges,
    MemoryQuotes,
    MemoryRepository,
    MemoryTools,
    MemoryUnits,
    NamespaceRepository,
    NamespacesQueries,
    NamespacesService,
    PatternRepository,
    PatternsQueries,
    PatternsService,
    PatternTools,
    Remembering,
    ReviewRepository,
    ReviewsQueries,
    ReviewsService,
    SimilarMemories,
  ],
  exports: [MemoriesQueries, MemoriesService],
})
export class MemoryModule {}
