import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { SEARCH_SOURCES, SearchDegraded, SearchKind, text } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { ReaderGrants } from './grants.js';
import { Retrieval } from './retrieval.js';

export const SearchToolInput = z.strictObject({
  query: text(4_000).min(1).describe('What to look for: words, or a question.'),
  kinds: z.array(SearchKind).min(1).max(8).optional().describe('Where to look; everywhere when absent.'),
  limit: z.int().min(1).max(50).default(10),
});
export const SearchToolOutput = z.strictObject({
  passages: z.array(
    z.strictObject({
      unitId: z.uuid(),
      kind: SearchKind,
      subjectId: z.uuid(),
      title: z.string(),
      body: z.string(),
      score: z.number(),
      /** Opaque keys of who may read it, for the answer that is made of it. */
      grants: z.array(z.string()),
      source: z.union(Object.values(SEARCH_SOURCES)),
    }),
  ),
  degraded: SearchDegraded,
});
export type SearchToolOutput = z.infer<typeof SearchToolOutput>;

/** The tool `search`: passages of every kind. Whose, the context says; no argument widens it. */
@Injectable()
export class SearchTool implements OnModuleInit {
  constructor(
    private readonly tools: ToolRegistry,
    private readonly grants: ReaderGrants,
    private readonly retrieval: Retrieval,
  ) {}

  onModuleInit(): void {
    this.tools.register({
      name: 'search',
      description: 'Finds passages of the messages, documents, memories and learned patterns that the caller may read, best first.',
      input: SearchToolInput,
      output: SearchToolOutput,
      permission: 'search:read',
      effects: ['reads_private', 'reads_untrusted'],
      sourcesOf: ({ passages }) => passages.map(({ kind, subjectId, grants }) => ({ kind, subjectId, grants })),
      run: async (ctx, input) => (await this.retrieval.find(ctx, await this.grants.of(ctx), input)) as SearchToolOutput,
    });
  }
}
