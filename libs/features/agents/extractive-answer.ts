import type { AnswerCitations } from './answer-citations.js';
import type { Evidence } from './evidence.js';
import { chosenQuotes, MAX_QUOTES } from './quote-choice.js';
import { bestSentence } from './sentences.js';

/**
 * The most telling sentence of each of the best passages, as far as it adds something, quoted exactly, one line each. A sentence that its
 * source does not hold any more is left out; '' when none is left.
 */
export async function quotesOf(evidence: readonly Evidence[], citations: AnswerCitations): Promise<string> {
  const found = evidence.flatMap(({ passage, matches }) => {
    const best = bestSentence(passage.body, matches);
    return best ? [{ passage, score: passage.score, terms: best.terms, quote: passage.body.slice(best.span.start, best.span.end) }] : [];
  });
  const lines: string[] = [];
  const said = new Set<string>();
  for (const { passage, quote } of chosenQuotes(found)) {
    if (lines.length === MAX_QUOTES) break;
    const shown = quote.replace(/\s+/g, ' ');
    if (said.has(shown)) continue;
    const mark = await citations.markOf(quote, passage);
    if (!mark) continue;
    said.add(shown);
    const name = passage.kind === 'document' ? ` (${passage.title.replace(/\s+/g, ' ').trim() || 'untitled'})` : '';
    lines.push(`- “${shown}” ${mark}${name}`);
  }
  return lines.join('\n');
}
