import { Injectable } from '@nestjs/common';
import type { SearchKind } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import type { JsonObject } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { foldQuery, wordsOf } from './folded-text.js';
import type { GrantSet } from './grants.js';

/** The most different words of a query that count. */
const MAX_TERMS = 32;

export interface RetrievalRequest {
  query: string;
  /** Default: all. */
  kinds?: readonly SearchKind[];
  /** The most passages. 1 to 500. */
  limit: number;
  /** Only passages of this channel or document. */
  filters?: { channelId?: string; documentId?: string };
  /** Each message or document only once, with its best passage. Default false. */
  once?: boolean;
}

export interface Passage {
  unitId: string;
  kind: SearchKind;
  subjectId: string;
  title: string;
  body: string;
  /** BM25: comparable within one search, above 0. */
  score: number;
  grants: string[];
  /** DocumentSource or MessageSource of the contracts. */
  source: JsonObject;
}

/** A place in a text, in UTF-16 code units. */
export interface Span {
  start: number;
  end: number;
}

/** A place where a word of a query stands; `term` is the word's stem, the same for all of its forms. */
export interface Match extends Span {
  term: string;
}

export interface QueryMatches {
  /** The stems that the query asks for; none of a query without words. */
  terms: string[];
  /** The matches in each text, in order. */
  places: Match[][];
}

/** Every search of Atrium: BM25 over the words of the query (any of them), among what the reader's grants allow. */
@Injectable()
export class Retrieval {
  constructor(private readonly db: Db) {}

  /** The best passages first; none for a query without words. */
  async search(ctx: Pick<OrgContext, 'orgId'>, grants: GrantSet, request: RetrievalRequest): Promise<Passage[]> {
    return this.db.readInOrg(ctx, async (tx) => this.ranked(tx, ctx, grants, request, await this.terms(tx, request.query)));
  }

  /**
   * Where the words of `query` stand in each of the texts, in order, also in other forms (`renews` for `renewal`).
   * Call it outside of a transaction.
   */
  async matches(ctx: Pick<OrgContext, 'orgId'>, query: string, texts: readonly string[]): Promise<QueryMatches> {
    const words = texts.map(wordsOf);
    return this.db.readInOrg(ctx, async (tx) => {
      const terms = await this.terms(tx, query);
      const termOf = await termsOfWords(tx, terms, new Set(words.flat().map((word) => word.text)));
      const places = words.map((ofText) =>
        ofText.flatMap(({ text, start, end }) => {
          const term = termOf.get(text);
          return term === undefined ? [] : [{ start, end, term }];
        }),
      );
      return { terms, places };
    });
  }

  private async terms(tx: Tx, query: string): Promise<string[]> {
    const rows = await tx.$queryRaw<{ lexeme: string }[]>`
      SELECT l.lexeme FROM unnest(search_lexemes(${foldQuery(query)})) l ORDER BY l.positions[1], l.lexeme LIMIT ${MAX_TERMS}`;
    return rows.map((row) => row.lexeme);
  }

  private async ranked(
    tx: Tx,
    ctx: Pick<OrgContext, 'orgId'>,
    grants: GrantSet,
    request: RetrievalRequest,
    terms: string[],
  ): Promise<Passage[]> {
    const keys = grants.toArray();
    if (keys.length === 0 || terms.length === 0 || request.limit < 1) return [];
    const { channelId, documentId } = request.filters ?? {};
    const source = channelId || documentId ? JSON.stringify({ channelId, documentId }) : null;
    // The function ranks beneath row level security; what it found is read through it, and the grants are asked again.
    const rows = await tx.$queryRaw<PassageRow[]>`
      SELECT u.id, u.kind, u.subject_id, u.title, u.body, u.grants, u.source, r.score
      FROM search_statistics(${terms}::text[]) s
      CROSS JOIN LATERAL search_ranked(s.terms, s.holders, s.units, s.mean_length, ${keys}::text[], ${request.kinds ? [...request.kinds] : null}::text[],
        ${source}::jsonb, ${request.once ?? false}, ${request.limit}::int) r
      JOIN search_units u ON u.org_id = ${ctx.orgId}::uuid AND u.id = r.id
      WHERE u.grants && ${keys}::text[]
      ORDER BY r.score DESC, r.id`;
    return rows.map(({ id, subject_id, ...row }) => ({ unitId: id, subjectId: subject_id, ...row }));
  }
}

/** The term of each of the words that is a form of one. */
async function termsOfWords(tx: Tx, terms: string[], words: Set<string>): Promise<Map<string, string>> {
  // Stems keep the beginning of a word, so most words need not be asked about.
  const beginnings = new Set(terms.map((term) => term.slice(0, 2)));
  const candidates = [...words].filter((word) => beginnings.has(word.slice(0, 2)));
  if (candidates.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ word: string; term: string }[]>`
    SELECT w.word, (SELECT min(l) FROM unnest(tsvector_to_array(search_lexemes(w.word))) l WHERE l = ANY (${terms}::text[])) AS term
    FROM unnest(${candidates}::text[]) AS w(word) WHERE tsvector_to_array(search_lexemes(w.word)) && ${terms}::text[]`;
  return new Map(rows.map((row) => [row.word, row.term]));
}

interface PassageRow {
  id: string;
  kind: SearchKind;
  subject_id: string;
  title: string;
  body: string;
  grants: string[];
  source: JsonObject;
  score: number;
}
