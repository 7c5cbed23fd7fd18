import { Injectable } from '@nestjs/common';
import type { AnswerSource } from '@atrium/features/chat';
import { Db } from '@atrium/platform/db';
import {
  type GrantSet,
  type Match,
  type Passage,
  ReaderGrants,
  Retrieval,
  type SearchToolOutput,
  subjectKey,
} from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { SHOWN_PASSAGES } from './assistant.js';
import { searchTextOf } from './question.js';
import { relevant } from './relevance.js';
import { onlyAsks } from './sentences.js';
import { TurnRepository } from './turn.repository.js';

const SEARCHED = 30;

/** A passage that an answer may use, and where words of the question stand in its text. */
export interface Evidence {
  passage: Passage;
  matches: Match[];
}

/** Finds what an answer may be made of. */
@Injectable()
export class EvidenceSearch {
  constructor(
    private readonly db: Db,
    private readonly tools: ToolRegistry,
    private readonly retrieval: Retrieval,
    private readonly grants: ReaderGrants,
    private readonly turns: TurnRepository,
  ) {}

  /** The best passages within `audience`, none when nothing is relevant (see `relevant`). Questions, and answers of agents, are no evidence. */
  async find(ctx: OrgContext, audience: GrantSet, question: { id: string; body: string }): Promise<Evidence[]> {
    const query = searchTextOf(question.body);
    if (query === '') return [];
    const found = await this.tools.call(this.grants.narrow(ctx, audience), 'search', {
      query,
      kinds: ['document', 'message', 'memory'],
      limit: SEARCHED,
    });
    const { passages } = found as SearchToolOutput;
    const messages = passages.filter((passage) => passage.kind === 'message').map((passage) => passage.subjectId);
    const spoken = await this.db.readInOrg(ctx, (tx) => this.turns.messagesAmong(tx, ctx, messages));
    const saysSomething = ({ kind, subjectId, body }: Passage) =>
      subjectId !== question.id && !spoken.has(subjectId) && (kind !== 'message' || !onlyAsks(body));
    const usable = (passages as Passage[]).filter(saysSomething);
    const { terms, places } = await this.retrieval.matches(
      ctx,
      query,
      usable.map((passage) => `${passage.title}\n${passage.body}`),
    );
    const evidence = usable.map((passage, index) => ({ passage, score: passage.score, matches: inBody(places[index] ?? [], passage) }));
    return relevant(evidence, terms, places).slice(0, SHOWN_PASSAGES);
  }
}

/** The matches behind the title's line, counted from the body's beginning. */
function inBody(matches: readonly Match[], passage: Passage): Match[] {
  const offset = passage.title.length + 1;
  return matches
    .filter((match) => match.start >= offset)
    .map((match) => ({ ...match, start: match.start - offset, end: match.end - offset }));
}

/** What a reader of an answer must be allowed to read: everything that it is made of, or that was shown to its writer. */
export const sourcesOf = (passages: readonly Passage[]): AnswerSource[] =>
  onceEach(passages.map(({ kind, subjectId, grants }): AnswerSource => ({ kind, subjectId, grants })));

/** Each source once. */
export const onceEach = (sources: readonly AnswerSource[]): AnswerSource[] => [
  ...new Map(sources.map((source) => [subjectKey(source), source])).values(),
];
