import { Injectable } from '@nestjs/common';
import type { SearchHit, SearchRequest, SearchResult, SearchStatus } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { EmbeddingSpaces, type KnownSpace } from './embedding-spaces.js';
import { ReaderGrants } from './grants.js';
import { type Passage, Retrieval } from './retrieval.js';
import { snippetOf } from './snippet.js';

@Injectable()
export class SearchQueries {
  constructor(
    private readonly grants: ReaderGrants,
    private readonly retrieval: Retrieval,
    private readonly db: Db,
    private readonly spaces: EmbeddingSpaces,
  ) {}

  /** How many units the organization has, and how many of them wait for a vector. */
  async status(ctx: OrgContext): Promise<SearchStatus> {
    const [active, next] = [this.spaces.active()?.active ?? null, this.spaces.filling()];
    return this.db.readInOrg(ctx, async (tx) => {
      const [counted] = await tx.$queryRaw<
        { units: bigint }[]
      >`SELECT count(*) AS units FROM search_units WHERE org_id = ${ctx.orgId}::uuid`;
      const waiting = await tx.$queryRaw<{ space: number; units: bigint }[]>`
        SELECT space, count(*) AS units FROM search_pending WHERE org_id = ${ctx.orgId}::uuid GROUP BY space`;
      const progress = (space: KnownSpace | null) =>
        space && {
          model: space.model,
          dimensions: space.dimensions,
          waiting: waiting.filter((row) => row.space === 0 || row.space === space.id).reduce((sum, { units }) => sum + Number(units), 0),
        };
      return { units: Number(counted?.units ?? 0), active: progress(active), next: progress(next) };
    });
  }

  /** Each message or document once, by its best passage. */
  async find(ctx: OrgContext, request: SearchRequest): Promise<SearchResult> {
    const { passages, degraded } = await this.retrieval.find(ctx, await this.grants.of(ctx), {
      ...request,
      asOf: request.asOf === undefined ? undefined : new Date(request.asOf),
      once: true,
    });
    if (passages.length === 0) return { data: [], degraded };
    const { places } = await this.retrieval.matches(
      ctx,
      request.query,
      passages.map((passage) => passage.body),
    );
    return { data: passages.map((passage, index) => toHit(passage, snippetOf(passage.body, places[index] ?? []))), degraded };
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
