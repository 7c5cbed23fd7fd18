import type { Span } from './retrieval.js';

/** The most characters of a snippet, in UTF-16 code units. */
export const SNIPPET_CHARS = 240;

/** An exact piece of `body` around its densest matches, and where these stand in it. */
export function snippetOf(body: string, matches: readonly Span[], maxChars = SNIPPET_CHARS): { snippet: string; highlights: Span[] } {
  const { start, end } = windowOf(body, matches, maxChars);
  const highlights = matches
    .filter((match) => match.start >= start && match.end <= end)
    .map((match) => ({ start: match.start - start, end: match.end - start }));
  return { snippet: body.slice(start, end), highlights: joined(highlights) };
}

/** The window with the most matches, the earliest of several; what is left over goes half before them and half behind. */
function windowOf(body: string, matches: readonly Span[], maxChars: number): Span {
  let best = { first: 0, count: 0 };
  for (let first = 0, after = 0; first < matches.length; first++) {
    const from = matches[first]?.start ?? 0;
    after = Math.max(after, first);
    while (after < matches.length && (matches[after]?.end ?? 0) - from <= maxChars) after++;
    if (after - first > best.count) best = { first, count: after - first };
  }
  const from = matches[best.first]?.start ?? 0;
  const to = best.count > 0 ? (matches[best.first + best.count - 1]?.end ?? from) : from;
  const spare = Math.max(0, maxChars - (to - from));
  const start = Math.max(0, Math.min(from - Math.floor(spare / 2), body.length - maxChars));
  return wholeWords(body, { start, end: Math.min(body.length, start + maxChars) }, best.count > 0 ? { start: from, end: to } : null);
}

/** Moves the edges inward to the next white space (at most 24 characters), never into the matches, never into a surrogate pair. */
function wholeWords(body: string, window: Span, kept: Span | null): Span {
  let { start, end } = window;
  const startLimit = Math.min(start + 24, kept?.start ?? end);
  if (start > 0) {
    const at = body.slice(start, startLimit + 1).search(/\s\S/u);
    if (at >= 0 && start + at + 1 <= startLimit) start += at + 1;
  }
  if (end < body.length) {
    const tail = body.slice(Math.max(end - 24, kept?.end ?? start), end);
    const at = tail.search(/\s\S*$/u);
    if (at >= 0 && end - tail.length + at > start) end = end - tail.length + at;
  }
  if (/[\udc00-\udfff]/.test(body[start] ?? '') && start > 0) start += 1;
  if (/[\ud800-\udbff]/.test(body[end - 1] ?? '')) end -= 1;
  return { start, end: Math.max(start, end) };
}

/** Spans that touch or overlap, such as pairs of characters, become one. */
function joined(spans: Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans) {
    const last = result.at(-1);
    if (last && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else result.push({ ...span });
  }
  return result;
}
