import { Injectable } from '@nestjs/common';
import type { SearchHit, SearchRequest, SearchResult } from '@atrium/contracts';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ReaderGrants } from './grants.js';
import { type Passage, Retrieval } from './retrieval.js';
import { snippetOf } from './snippet.js';

@Injectable()
export class SearchQueries {
  constructor(
    private readonly grants: ReaderGrants,
    private readonly retrieval: Retrieval,
  ) {}

  /** Each message or document once, by its best passage. */
  async find(ctx: OrgContext, request: SearchRequest): Promise<SearchResult> {
    const passages = await this.retrieval.search(ctx, await this.grants.of(ctx), { ...request, once: true });
    if (passages.length === 0) return { data: [] };
    const { places } = await this.retrieval.matches(
      ctx,
      request.query,
      passages.map((passage) => passage.body),
    );
    return { data: passages.map((passage, index) => toHit(passage, snippetOf(passage.body, places[index] ?? []))) };
  }
}

function toHit(passage: Passage, snippet: Pick<SearchHit, 'snippet' | 'highlights'>): SearchHit {
  return {
    kind: passage.kind,
    id: passage.subjectId,
    title: passage.title,
    score: passage.score,
    ...snippet,
    source: passage.source,
  } as SearchHit;
}
