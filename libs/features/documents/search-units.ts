import type { SearchUnit } from '@atrium/platform/search';
import type { ChunkRow } from './chunk.repository.js';
import type { DocumentRow } from './document.js';

/** What of a version can be found: a unit per passage, titled with the document and the sections around the passage. */
export function unitsOf(row: DocumentRow, version: number, text: string, chunks: ChunkRow[]): SearchUnit[] {
  return chunks.map(({ id, ordinal, start, end, headingPath }) => ({
    id,
    ordinal,
    kind: 'document',
    subjectId: row.id,
    grants: row.readers,
    title: [row.title, ...headingPath].join(' › '),
    body: text.slice(start, end),
    source: {
      documentId: row.id,
      version,
      chunkId: id,
      start,
      end,
    },
  }));
}
