import type { Match, Span } from '@atrium/platform/search';

/** The longest sentence that is quoted. UTF-16 code units; a longer one is left out, or cut between words when there is no other. */
const MAX_SENTENCE_CHARS = 400;
const MIN_SENTENCE_CHARS = 12;
/** A sentence ends with its mark, with a blank line, or before a list item. */
const END = /[.!?…]+["'”’)\]]*(?=\s|$)|[。！？]+|\n[ \t]*\n|\n(?=[ \t]*(?:[-*•#|]|\d+[.)] ))/gu;
/** After these a dot ends no sentence. */
const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|no|nos|dr|mr|mrs|ms|prof|st|inc|ltd|co|approx|art|sec|fig|p|pp|\p{L})\.$/iu;

/** The sentences of a text, as places in it without the white space around. */
export function sentencesOf(text: string): Span[] {
  const sentences: Span[] = [];
  let start = 0;
  const close = (end: number) => {
    const raw = text.slice(start, end);
    const inner = raw.trim();
    const at = start + raw.indexOf(inner);
    if (inner) sentences.push({ start: at, end: at + inner.length });
    start = end;
  };
  for (const match of text.matchAll(END)) {
    const end = match.index + match[0].length;
    if (match[0] === '.' && ABBREVIATION.test(text.slice(Math.max(start, end - 12), end))) continue;
    close(end);
  }
  close(text.length);
  return sentences;
}

/**
 * The sentence of a text that says most about a question: with the most different words of it, the shorter of two, the earlier of equals.
 * Null when none holds a word.
 */
export function bestSentence(text: string, matches: readonly Match[]): { span: Span; terms: number } | null {
  let best: { span: Span; terms: number; chars: number } | null = null;
  for (const span of sentencesOf(text)) {
    const terms = new Set(matches.filter((match) => match.start >= span.start && match.end <= span.end).map((match) => match.term)).size;
    const chars = span.end - span.start;
    if (terms === 0 || chars < MIN_SENTENCE_CHARS) continue;
    const tooLong = chars > MAX_SENTENCE_CHARS;
    const bestTooLong = best !== null && best.chars > MAX_SENTENCE_CHARS;
    const better =
      best === null ||
      (bestTooLong && !tooLong) ||
      (tooLong === bestTooLong && (terms > best.terms || (terms === best.terms && chars < best.chars && terms > 1)));
    if (better) best = { span, terms, chars };
  }
  return best && { span: cut(text, best.span), terms: best.terms };
}

function cut(text: string, span: Span): Span {
  if (span.end - span.start <= MAX_SENTENCE_CHARS) return span;
  const head = text.slice(span.start, span.start + MAX_SENTENCE_CHARS);
  const at = head.search(/\s\S*$/u);
  const end = span.start + (at > 0 ? at : head.length);
  return { start: span.start, end: /[\ud800-\udbff]/.test(text[end - 1] ?? '') ? end - 1 : end };
}
