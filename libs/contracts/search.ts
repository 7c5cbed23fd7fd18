import { z } from 'zod';
import { text } from './common.js';
import { ChannelId, ChunkId, DocumentId, MessageId } from './ids.js';

export const SearchKind = z.enum(['message', 'document']);
export type SearchKind = z.infer<typeof SearchKind>;
const SearchQueryText = text(1_000).refine((value) => value.trim().length > 0, 'must not be empty');
/** `limit` is 1 to 50, default 10. */
export const SearchRequest = z
  .strictObject({
    query: SearchQueryText,
    kinds: z.array(SearchKind).min(1).max(8).optional(),
    filters: z.strictObject({ channelId: ChannelId.optional(), documentId: DocumentId.optional() }).optional(),
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

const hit = {
  id: z.uuid(),
  title: z.string(),
  snippet: z.string(),
  score: z.number(),
  highlights: z.array(z.strictObject({ start: z.int(), end: z.int() })),
};
/** `id` is the message's or document's own; `highlights` are places in `snippet`, in UTF-16 code units. */
export const SearchHit = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('message'), ...hit, source: MessageSource }),
    z.strictObject({ kind: z.literal('document'), ...hit, source: DocumentSource }),
  ])
  .meta({ id: 'SearchHit' });
export type SearchHit = z.infer<typeof SearchHit>;
export const SearchResult = z.strictObject({ data: z.array(SearchHit) }).meta({ id: 'SearchResult' });
export type SearchResult = z.infer<typeof SearchResult>;
