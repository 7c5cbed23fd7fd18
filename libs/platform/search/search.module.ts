import { Global, Module } from '@nestjs/common';
import { EmbeddingSpaces } from './embedding-spaces.js';
import { ReaderGrants } from './grants.js';
import { ReferenceResolvers } from './reference-resolvers.js';
import { QueryVectors } from './query-vectors.js';
import { Retrieval } from './retrieval.js';
import { SearchCounter } from './search-counter.js';
import { SearchIndex } from './search-index.js';
import { SearchController } from './search.controller.js';
import { SearchQueries } from './search.queries.js';
import { SearchTool } from './search.tool.js';
import { VectorFiller } from './vector-filler.js';

/** Needs Db, Embeddings and ToolsModule. */
@Global()
@Module({
  controllers: [SearchController],
  providers: [
    SearchIndex,
    Retrieval,
    ReaderGrants,
    ReferenceResolvers,
    SearchCounter,
    EmbeddingSpaces,
    QueryVectors,
    VectorFiller,
    SearchQueries,
    SearchTool,
  ],
  exports: [SearchIndex, Retrieval, ReaderGrants, ReferenceResolvers, SearchCounter, VectorFiller],
})
export class SearchModule {}
