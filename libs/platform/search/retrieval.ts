import { Injectable } from '@nestjs/common';
import type { SearchKind } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import type { JsonObject } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { foldQuery, wordsOf } from './folded-text.js';
import type { GrantSet } from './grants.js';
import { type QueryVector, QueryVectors } from './query-vectors.js';
import { type Candidate, onceEach, rank, type Ranked, REACH } from './ranking.js';
import { EXACT_UNITS } from './vector-filler.js';

/** How many units the words of a question bring into consideration at least, and how many its meaning. */
const MIN_CANDIDATES = 300;
const NEAREST = 100;
/** The most different words of a query that count. */
const MAX_TERMS = 32;

export interface RetrievalRequest {
  query: string;
  /** Default: all. */
  kinds?: readonly SearchKind[];
  /** The most passages. 1 to 500. */
  limit: number;
  /** Only passages of this channel, of this document, of any of these namespaces: each one given must hold. */
  filters?: { channelId?: string; documentId?: string; namespaceIds?: readonly string[] };
  /** What held at that time. Default now. */
  asOf?: Date;
  /** Each message, document or memory only once, with its best passage. Default false. */
  once?: boolean;
}

export interface Passage {
  unitId: string;
  kind: SearchKind;
  subjectId: string;
  title: string;
  body: string;
  /** Comparable within one search, above 0. */
  score: number;
  grants: string[];
  /** DocumentSource, MessageSource or MemorySource of the contracts. */
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

export interface Found {
  passages: Passage[];
  /** `meaning`: the question could not be embedded now, so these were found by words only. */
  degraded: 'meaning'[];
}

/** Every search of Atrium: by words (BM25, any of them) and by meaning, among what the reader's grants allow. */
@Injectable()
export class Retrieval {
  constructor(
    private readonly db: Db,
    private readonly vectors: QueryVectors,
  ) {}

  /** The best passages first; none for a query without words. Call it outside of a transaction. */
  async search(ctx: Pick<OrgContext, 'orgId'>, grants: GrantSet, request: RetrievalRequest): Promise<Passage[]> {
    return (await this.find(ctx, grants, request)).passages;
  }

  /** `search`, and what it had to do without. */
  async find(ctx: Pick<OrgContext, 'orgId'>, grants: GrantSet, request: RetrievalRequest): Promise<Found> {
    const vector = await this.vectors.of(request.query);
    const passages = await this.db.readInOrg(ctx, (tx) => ranked(tx, ctx, grants, request, vector === 'unavailable' ? null : vector));
    return { passages, degraded: vector === 'unavailable' ? ['meaning'] : [] };
  }

  /**
   * Where the words of `query` stand in each of the texts, in order, also in other forms (`renews` for `renewal`).
   * Call it outside of a transaction.
   */
  async matches(ctx: Pick<OrgContext, 'orgId'>, query: string, texts: readonly string[]): Promise<QueryMatches> {
    const words = texts.map(wordsOf);
    return this.db.readInOrg(ctx, async (tx) => {
      const terms = await termsOf(tx, query);
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
}

async function termsOf(tx: Tx, query: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ lexeme: string }[]>`
    SELECT l.lexeme FROM unnest(search_lexemes(${foldQuery(query)})) l ORDER BY l.positions[1], l.lexeme LIMIT ${MAX_TERMS}`;
  return rows.map((row) => row.lexeme);
}

async function ranked(
  tx: Tx,
  ctx: Pick<OrgContext, 'orgId'>,
  grants: GrantSet,
  request: RetrievalRequest,
  vector: QueryVector | null,
): Promise<Passage[]> {
  const keys = grants.toArray();
  if (keys.length === 0 || request.limit < 1) return [];
  const known = await candidatesOf(tx, keys, request, vector);
  if (!known || known.candidates.length === 0) return [];
  const order = rank(known.candidates, {
    idfs: known.holders.map((holders) => Math.log(1 + (Math.max(known.units - holders, 0) + 0.5) / (holders + 0.5))),
    meanLength: known.mean_length,
    meaningWeight: vector?.weight ?? 0,
    nearEnough: vector?.nearEnough ?? 1,
  });
  const best = (request.once ? onceEach(order) : order).slice(0, Math.min(request.limit, 500));
  return passagesOf(tx, ctx, keys, best);
}

interface Known {
  /** In the organization. */
  units: number;
  mean_length: number;
  /** How many units hold each of the question's terms that any unit holds. */
  holders: number[];
  candidates: Candidate[];
}

/** What the words and what the meaning of the question find, each alone, with the turns around; undefined of a question without words. */
async function candidatesOf(tx: Tx, keys: string[], request: RetrievalRequest, vector: QueryVector | null): Promise<Known | undefined> {
  const { channelId, documentId, namespaceIds } = request.filters ?? {};
  const source = channelId || documentId ? JSON.stringify({ channelId, documentId }) : null;
  const kinds = request.kinds ? [...request.kinds] : null;
  const namespaces = namespaceIds ? [...namespaceIds] : null;
  const asOf = request.asOf ?? new Date();
  const byWords = Math.min(500, Math.max(MIN_CANDIDATES, request.limit * 3));
  const rows = await tx.$queryRaw<Known[]>`
    SELECT units, mean_length, holders, candidates FROM search_candidates(${foldQuery(request.query)}, ${keys}::text[], ${kinds}::text[], ${source}::jsonb,
      ${namespaces}::text[], ${asOf}::timestamptz, ${MAX_TERMS}::int, ${byWords}::int, ${NEAREST}::int, ${EXACT_UNITS}::int, ${REACH}::int,
      ${vector?.space.id ?? null}::int, ${vector?.vector ?? null}::halfvec)`;
  return rows[0];
}

/** The passages themselves. They were ranked beneath row level security: they are read through it, and the grants are asked again. */
async function passagesOf(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, keys: string[], best: readonly Ranked[]): Promise<Passage[]> {
  const rows = await tx.$queryRaw<PassageRow[]>`
    SELECT u.id, u.kind, u.subject_id, u.title, u.body, u.grants, u.source FROM search_units u
    WHERE u.org_id = ${ctx.orgId}::uuid AND u.id = ANY (${best.map(({ candidate }) => candidate.id)}::uuid[]) AND u.grants && ${keys}::text[]
      AND NOT EXISTS (SELECT FROM search_veils v WHERE v.org_id = ${ctx.orgId}::uuid AND v.kind = u.kind AND u.source @> v.source::jsonb)`;
  const byId = new Map(rows.map((row) => [row.id, row]));
  return best.flatMap(({ candidate, score }) => {
    const row = byId.get(candidate.id);
    if (!row) return [];
    const { id, subject_id, ...passage } = row;
    return [{ unitId: id, subjectId: subject_id, ...passage, score }];
  });
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
}
