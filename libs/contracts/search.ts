import { z } from 'zod';
import { Moment, text } from './common.js';
import { ChannelId, ChunkId, DocumentId, MemoryId, MessageId, NamespaceId } from './ids.js';

export const SearchKind = z.enum(['message', 'document', 'memory', 'pattern']);
export type SearchKind = z.infer<typeof SearchKind>;
/** What to look for. */
export const SearchQueryText = text(1_000).refine((value) => value.trim().length > 0, 'must not be empty');
/** `limit` is 1 to 50, default 10. `filters`: each one given must hold; of `namespaceIds` any one. `asOf`: what held at that time, default now. */
export const SearchRequest = z
  .strictObject({
    query: SearchQueryText,
    kinds: z.array(SearchKind).min(1).max(8).optional(),
    filters: z
      .strictObject({
        channelId: ChannelId.optional(),
        documentId: DocumentId.optional(),
        namespaceIds: z.array(NamespaceId).min(1).max(100).optional(),
      })
      .optional(),
    asOf: Moment.optional(),
    limit: z.int().min(1).max(50).default(10),
  })
  .meta({ id: 'SearchRequest' });
export type SearchRequest = z.infer<typeof SearchRequest>;
export const SearchQuery = z.strictObject({ q: SearchQueryText, limit: z.coerce.number().int().min(1).max(50).default(10) });
export type SearchQuery = z.infer<typeof SearchQuery>;

export const DocumentSource = z.strictObject({ documentId: DocumentId, version: z.int(), chunkId: ChunkId, start: z.int(), end: z.int() });
export type DocumentSource = z.infer<typeof DocumentSource>;
export const MessageSource = z.strictObject({ channelId: ChannelId, threadId: MessageId.nullable() });
export type MessageSource = z.infer<typeof MessageSource>;
/** `namespace` is its name; `subject` and `predicate` are null of a memory that is free text. */
export const MemorySource = z.strictObject({
  namespaceId: NamespaceId,
  namespace: z.string(),
  subject: z.string().nullable(),
  predicate: z.string().nullable(),
});
export type MemorySource = z.infer<typeof MemorySource>;
/** What a quote of a memory is looked for in. */
export const MemoryReference = z.strictObject({ memoryId: MemoryId });
export type MemoryReference = z.infer<typeof MemoryReference>;
/** The situation is the snippet's text; what to do in it, this. */
export const PatternSource = z.strictObject({ action: z.string() });
export type PatternSource = z.infer<typeof PatternSource>;
/** Where a passage of each kind stands. */
export const SEARCH_SOURCES = {
  message: MessageSource,
  document: DocumentSource,
  memory: MemorySource,
  pattern: PatternSource,
} as const satisfies Record<SearchKind, z.ZodType>;

const hit = {
  id: z.uuid(),
  title: z.string(),
  snippet: z.string(),
  score: z.number(),
  highlights: z.array(z.strictObject({ start: z.int(), end: z.int() })),
};
/** `id` is the message's, document's, memory's or pattern's own; `highlights` are places in `snippet`, in UTF-16 code units. */
export const SearchHit = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('message'), ...hit, source: MessageSource }),
    z.strictObject({ kind: z.literal('document'), ...hit, source: DocumentSource }),
    z.strictObject({ kind: z.literal('memory'), ...hit, source: MemorySource }),
    z.strictObject({ kind: z.literal('pattern'), ...hit, source: PatternSource }),
  ])
  .meta({ id: 'SearchHit' });
export type SearchHit = z.infer<typeof SearchHit>;
/** What this search had to do without: `meaning` when the question could not be embedded, and was searched by words only. Usually empty. */
export const SearchDegraded = z.array(z.enum(['meaning']));
export const SearchResult = z.strictObject({ data: z.array(SearchHit), degraded: SearchDegraded }).meta({ id: 'SearchResult' });
export type SearchResult = z.infer<typeof SearchResult>;

/** A space of vectors: who makes them, and how far it is. */
const VectorProgress = z.strictObject({
  model: z.string(),
  dimensions: z.int(),
  /** Units of the organization that still need their vector; they are found by words. */
  waiting: z.int(),
});

/** How far search by meaning is in the organization. */
export const SearchStatus = z.strictObject({
  /** Searchable units: messages, chunks of documents, memories. */
  units: z.int(),
  /** In which questions are asked; null while no embedder has answered yet. */
  active: VectorProgress.nullable(),
  /** Of another embedder, which takes over when no organization waits any more; usually null. */
  next: VectorProgress.nullable(),
});
export type SearchStatus = z.infer<typeof SearchStatus>;
