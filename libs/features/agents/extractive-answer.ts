import { type AnswerCitations, messageMark } from './answer-citations.js';
import type { Evidence } from './evidence.js';
import { bestSentence } from './sentences.js';

/** At most so many passages are quoted. */
const MAX_QUOTES = 3;
/** A further quote must hold at least this part of the words that the best one holds. */
const MIN_OF_BEST_TERMS = 0.5;

/**
 * The most telling sentence of each of the best passages, quoted exactly, one line each. A sentence that its source does not hold any
 * more is left out; '' when none is left.
 */
export async function quotesOf(evidence: readonly Evidence[], citations: AnswerCitations): Promise<string> {
  const found = evidence.flatMap(({ passage, matches }) => {
    const best = bestSentence(passage.body, matches);
    return best ? [{ passage, terms: best.terms, quote: passage.body.slice(best.span.start, best.span.end) }] : [];
  });
  const most = Math.max(0, ...found.map((one) => one.terms));
  // The sort is stable: of two that say as much, the one of the better passage comes first.
  const chosen = found.filter((one) => one.terms >= most * MIN_OF_BEST_TERMS).sort((a, b) => b.terms - a.terms);
  const lines: string[] = [];
  const said = new Set<string>();
  for (const { passage, quote } of chosen) {
    if (lines.length === MAX_QUOTES) break;
    const shown = quote.replace(/\s+/g, ' ');
    if (said.has(shown)) continue;
    const mark = await citations.markOf(quote, passage);
    if (!mark) continue;
    said.add(shown);
    lines.push(
      passage.kind === 'document'
        ? `- “${shown}” ${mark} (${passage.title.replace(/\s+/g, ' ').trim() || 'untitled'})`
        : `- “${shown}” ${messageMark(passage)}`,
    );
  }
  return lines.join('\n');
}
