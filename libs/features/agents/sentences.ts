import type { Match, Span } from '@atrium/platform/search';

/** The longest sentence that is quoted. UTF-16 code units; a longer one is left out, or cut between words when there is no other. */
const MAX_SENTENCE_CHARS = 400;
const MIN_SENTENCE_CHARS = 12;
/** A heading names what is said, but says nothing. */
const HEADING = /^#{1,6} /;
/**
 * A sentence ends with its mark, with a blank line, before a list item, and at either end of a table's row. What looks behind stands after a
 * character that is rare, or a text of one line would be read once for each of its letters.
 */
const END =
  /(?<![.!?…])[.!?…]+["'”’)\]]*(?=\s|$)|[。！？]+|\n[ \t]*\n|\n(?=[ \t]*(?:[-*•#|]|\d+[.)] ))|\n(?=[^\n]* \| )|\n(?<= \| [^\n]*\n)/gu;
/** What stands between the cells of a row in a document's text. */
const CELLS = ' | ';
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
 * The sentence of a text that says most about a question: with the most words of it, each counted by how few sentences of the text hold
 * it; of equals the shorter, then the earlier. A table's row counts the words of the table's first row, its heading, as its own when it
 * holds one itself. Null when no sentence holds a word.
 */
export function bestSentence(text: string, matches: readonly Match[]): { span: Span; terms: Set<string> } | null {
  const sentences = withTerms(text, matches);
  const holders = new Map<string, number>();
  for (const term of sentences.flatMap(({ own }) => [...own])) holders.set(term, (holders.get(term) ?? 0) + 1);
  const rated = sentences
    .filter(
      ({ span, own }) => own.size > 0 && span.end - span.start >= MIN_SENTENCE_CHARS && !HEADING.test(text.slice(span.start, span.end)),
    )
    .map(({ span, own, heading }) => {
      const terms = new Set([...own, ...heading]);
      const chars = span.end - span.start;
      return {
        span,
        terms,
        chars,
        isLong: chars > MAX_SENTENCE_CHARS,
        weight: [...terms].reduce((sum, term) => sum + 1 / (holders.get(term) ?? 1), 0),
      };
    });
  // The sort is stable: of equals the earlier one comes first.
  const [best] = rated.sort(
    (a, b) => Number(a.isLong) - Number(b.isLong) || b.weight - a.weight || (a.terms.size > 1 ? a.chars - b.chars : 0),
  );
  return best ? { span: cut(text, best.span), terms: best.terms } : null;
}

/** Whether a text says nothing, but asks. */
export const onlyAsks = (text: string): boolean => {
  const sentences = sentencesOf(text);
  return sentences.length > 0 && sentences.every((span) => isQuestion(text, span));
};

const isQuestion = (text: string, { start, end }: Span) => /[?？]["'”’)\]]*$/u.test(text.slice(Math.max(start, end - 8), end));

/** A question says nothing by itself: it is read together with the sentence that follows it, and is left out where none does. */
function statementsOf(text: string): Span[] {
  const sentences = sentencesOf(text);
  return sentences.flatMap((span, index) => {
    if (!isQuestion(text, span)) return [span];
    const next = sentences[index + 1];
    return next && !isQuestion(text, next) && !HEADING.test(text.slice(next.start, next.end)) ? [{ start: span.start, end: next.end }] : [];
  });
}

/** Each statement with the question's words in it and, for a row of a table, those in the table's heading. */
function withTerms(text: string, matches: readonly Match[]): { span: Span; own: Set<string>; heading: Set<string> }[] {
  let table: Set<string> | null = null;
  return statementsOf(text).map((span) => {
    const own = termsWithin(matches, span);
    const heading: Set<string> = table ?? new Set();
    table = text.slice(span.start, span.end).includes(CELLS) ? (table ?? own) : null;
    return { span, own, heading: table ? heading : new Set<string>() };
  });
}

const termsWithin = (matches: readonly Match[], { start, end }: Span) =>
  new Set(matches.filter((match) => match.start >= start && match.end <= end).map((match) => match.term));

function cut(text: string, span: Span): Span {
  if (span.end - span.start <= MAX_SENTENCE_CHARS) return span;
  const head = text.slice(span.start, span.start + MAX_SENTENCE_CHARS);
  const at = head.search(/\s\S*$/u);
  const end = span.start + (at > 0 ? at : head.length);
  return { start: span.start, end: /[\ud800-\udbff]/.test(text[end - 1] ?? '') ? end - 1 : end };
}
