import { Global, Module } from '@nestjs/common';
import { ReaderGrants } from './grants.js';
import { ReferenceResolvers } from './reference-resolvers.js';
import { Retrieval } from './retrieval.js';
import { SearchCounter } from './search-counter.js';
import { SearchIndex } from './search-index.js';
import { SearchController } from './search.controller.js';
import { SearchQueries } from './search.queries.js';
import { SearchTool } from './search.tool.js';

/** Needs DbModule and ToolsModule. */
@Global()
@Module({
  controllers: [SearchController],
  providers: [SearchIndex, Retrieval, ReaderGrants, ReferenceResolvers, SearchCounter, SearchQueries, SearchTool],
  exports: [SearchIndex, Retrieval, ReaderGrants, ReferenceResolvers, SearchCounter],
})
export class SearchModule {}
