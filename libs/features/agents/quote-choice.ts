/** At most so many passages are quoted. */
export const MAX_QUOTES = 3;
/** A quote that adds a word must hold at least this part of the words that the first one holds, and not that word alone. */
const MIN_OF_FIRST_TERMS = 0.5;
const MIN_TERMS = 2;
/** A quote that adds no word must be of a passage that scores at least this part of the best one's. */
const NEAR_BEST_SCORE = 0.9;

/** What a quote says of the question: which of its words, and the score of the passage that it is from. */
export interface QuoteCandidate {
  terms: ReadonlySet<string>;
  score: number;
}

/**
 * Which quotes answer a question, in which order; the candidates are of the best passage first. The first is the one with most of the
 * question's words, of equals that of the better passage. A further one must earn its place: it has a word that none before it has, another
 * one, and half as many as the first; or it has as many as the first, and its passage scores nearly as much. The rule stops at nothing else: how many are
 * shown is the caller's.
 */
export function chosenQuotes<Q extends QuoteCandidate>(candidates: readonly Q[]): Q[] {
  // The sort is stable: of two that say as much, the one of the better passage comes first.
  const [first, ...others] = candidates.filter(({ terms }) => terms.size > 0).sort((a, b) => b.terms.size - a.terms.size);
  if (!first) return [];
  const chosen = [first];
  const said = new Set(first.terms);
  const enough = Math.max(MIN_TERMS, first.terms.size * MIN_OF_FIRST_TERMS);
  for (const quote of others) {
    const adds = [...quote.terms].some((term) => !said.has(term)) && quote.terms.size >= enough;
    const equals = quote.terms.size === first.terms.size && quote.score >= first.score * NEAR_BEST_SCORE;
    if (!adds && !equals) continue;
    chosen.push(quote);
    for (const term of quote.terms) said.add(term);
  }
  return chosen;
}
