import type { Match } from '@atrium/platform/search';

/** A passage that holds a smaller part of the question's words than this is no evidence. */
const MIN_COVERAGE = 1 / 2;
/** A passage with less than this part of the best score is not shown. */
const MIN_OF_BEST = 0.25;

/**
 * Of passages, best first, those worth showing: none unless one of them holds at least half of the question's different words (rounded
 * up), in its title or its text; then every one that scores at least a quarter of the best.
 */
export function relevant<P extends { score: number }>(
  passages: readonly P[],
  terms: readonly string[],
  places: readonly (readonly Match[])[],
): P[] {
  const needed = Math.max(1, Math.ceil(terms.length * MIN_COVERAGE));
  const enough = places.some((matches) => new Set(matches.map((match) => match.term)).size >= needed);
  const best = passages[0]?.score ?? 0;
  return enough ? passages.filter((passage) => passage.score >= best * MIN_OF_BEST) : [];
}
