export {
  type AccessColumns,
  accessColumns,
  accessOf,
  audienceOf,
  audienceOfChange,
  grantKey,
  isNarrowed,
  isSharedWith,
  mayRead,
  withoutGrant,
} from './access.js';
export { GrantSet, type GrantSource, ReaderGrants } from './grants.js';
export { type LocatedQuote, type PlacedQuote, type ReferenceResolver, ReferenceResolvers } from './reference-resolvers.js';
export { type Match, type Passage, type QueryMatches, Retrieval, type RetrievalRequest, type Span } from './retrieval.js';
export { EmbeddingSpaces } from './embedding-spaces.js';
export { QueryVectors } from './query-vectors.js';
export { SearchCounter } from './search-counter.js';
export { SearchIndex, type Subject, subjectKey } from './search-index.js';
export { SearchModule } from './search.module.js';
export { SearchToolOutput } from './search.tool.js';
export type { SearchUnit } from './search-unit.js';
export { VectorFiller } from './vector-filler.js';
export { snippetOf } from './snippet.js';
