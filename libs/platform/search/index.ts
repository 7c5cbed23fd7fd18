export { GrantSet, type GrantSource, ReaderGrants } from './grants.js';
export { type LocatedQuote, type ReferenceResolver, ReferenceResolvers } from './reference-resolvers.js';
export { type Match, type Passage, type QueryMatches, Retrieval, type RetrievalRequest, type Span } from './retrieval.js';
export { SearchCounter } from './search-counter.js';
export { SearchIndex } from './search-index.js';
export { SearchModule } from './search.module.js';
export { SearchToolOutput } from './search.tool.js';
export type { SearchUnit } from './search-unit.js';
export { snippetOf } from './snippet.js';
