import { setImmediate as othersFirst } from 'node:timers/promises';
import type { Extraction, Heading } from '../extraction/extraction.js';

/** Sizes in UTF-16 code units. */
const TARGET = 900;
const MAX = 1_600;
const MIN = 200;
const LINE_FEED = 0x0a;

/** A passage: `text.slice(start, end)` is exactly it. */
export interface Chunk {
  /** Position in the document, from 0. */
  ordinal: number;
  start: number;
  end: number;
  /** The titles of the sections around it, outermost first. */
  headingPath: string[];
  /** The page on which it starts; null for formats without pages. */
  page: number | null;
}

/** A piece that is not cut further, and whether a new paragraph begins with it. */
interface Span {
  start: number;
  end: number;
}

/** How long the division of a text keeps others waiting at most. Milliseconds. */
const SLICE_MS = 10;

type Text = Pick<Extraction, 'text' | 'headings' | 'pages'>;

/**
 * Divides a text into passages for retrieval. Together they hold every visible character once, in order. A passage never crosses a
 * heading that has text of its own; within a section it ends at a paragraph, else a line or sentence, else a word, else anywhere but inside a surrogate pair. It aims
 * at 900 code units, never has more than 1,600, and has fewer than 200 only where its section leaves no choice. Linear in the text.
 * Other work of the process goes on meanwhile.
 */
export async function chunkText(text: Text): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  let sliceEnds = performance.now() + SLICE_MS;
  for (const chunk of chunksOf(text)) {
    chunks.push(chunk);
    if (performance.now() < sliceEnds) continue;
    await othersFirst();
    sliceEnds = performance.now() + SLICE_MS;
  }
  return chunks;
}

/** The passages, one after the other. */
export function* chunksOf({ text, headings, pages }: Text): Generator<Chunk> {
  const path: Heading[] = [];
  let ordinal = 0;
  let page = 0;
  for (const [section, heading] of sections(text, headings)) {
    if (heading !== null) {
      while (path.length > 0 && (path.at(-1)?.level ?? 0) >= heading.level) path.pop();
      path.push(heading);
    }
    for (const { start, end } of packed(text, section)) {
      while (page < pages.length && (pages[page]?.start ?? Infinity) <= start) page += 1;
      const headingPath = path.map(({ title }) => title);
      yield { ordinal, start, end, headingPath, page: pages[page - 1]?.number ?? pages[0]?.number ?? null };
      ordinal += 1;
    }
  }
}

/**
 * A heading with nothing below it but a deeper heading is no passage of its own: it opens that one's first passage. (It comes all the same,
 * with an empty section.)
 */
function* sections(text: string, headings: Heading[]): Generator<[section: Span, heading: Heading | null]> {
  const first = headings[0]?.start ?? text.length;
  if (first > 0) yield [{ start: 0, end: first }, null];
  let start = first;
  for (const [at, heading] of headings.entries()) {
    const next = headings[at + 1];
    const end = next?.start ?? text.length;
    if (next !== undefined && next.level > heading.level && end - start < MIN && isBare(text, heading.start, end)) {
      yield [{ start, end: start }, heading];
      continue;
    }
    yield [{ start, end }, heading];
    start = end;
  }
}

/** Nothing but the heading's own line, and the underline of Markdown's other form. */
function isBare(text: string, start: number, end: number): boolean {
  const below = find(text, '\n', start, end);
  return /^[\s=-]*$/.test(text.slice(below, end));
}

/** Greedy packing of a section's paragraphs, with the rest balanced so that no crumb is left at its end. */
function* packed(text: string, section: Span): Generator<Span> {
  let open: Span | null = null;
  let held: Span | null = null;
  for (const piece of pieces(text, section)) {
    if (open === null) open = { ...piece };
    else if (fits(open, piece)) open.end = piece.end;
    else {
      if (held !== null) yield held;
      held = open;
      open = { ...piece };
    }
  }
  if (open === null) return;
  yield* held === null ? [open] : lastOf(text, held, open);
}

/** The last two passages of a section: joined or cut anew when the second would be a crumb. */
function lastOf(text: string, before: Span, last: Span): Span[] {
  if (last.end - last.start >= MIN) return [before, last];
  if (last.end - before.start <= MAX) return [{ start: before.start, end: last.end }];
  const middle = balance(text, before, last);
  return [trimmed(text, { start: before.start, end: middle }) ?? before, trimmed(text, { start: middle, end: last.end }) ?? last];
}

/** A passage grows up to the target; one that is still too short takes what the maximum allows. */
function fits(current: Span, piece: Span): boolean {
  const joined = piece.end - current.start;
  return joined <= TARGET || (current.end - current.start < MIN && joined <= MAX);
}

/** Where to cut two passages anew so that the second is no crumb: at a word near the middle. */
function balance(text: string, before: Span, last: Span): number {
  const middle = before.start + Math.floor((last.end - before.start) / 2);
  const from = Math.max(before.start + MIN, middle - 300);
  const space = lastSpace(text, from, middle);
  return space ?? safeCut(text, middle);
}

/** Paragraphs; what is too long of them as sentences or lines; what is too long of those in hard pieces. */
function* pieces(text: string, section: Span): Generator<Span> {
  for (const paragraph of split(text, section, '\n\n')) {
    if (paragraph.end - paragraph.start <= TARGET) yield paragraph;
    else for (const line of split(text, paragraph, '\n')) yield* linePieces(text, line);
  }
}

function* linePieces(text: string, line: Span): Generator<Span> {
  if (line.end - line.start <= TARGET) yield line;
  else for (const window of windows(text, line)) for (const sentence of sentences(text, window)) yield* hardPieces(text, sentence);
}

function* split(text: string, span: Span, separator: string): Generator<Span> {
  let start = span.start;
  while (start < span.end) {
    const end = find(text, separator, start, span.end);
    const piece = trimmed(text, { start, end });
    if (piece !== null) yield piece;
    start = end + separator.length;
  }
}

/** Like indexOf, but never looks past `to`: many short sections in a text without the separator would else cost quadratic time. */
function find(text: string, separator: string, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    if (text.charCodeAt(at) === LINE_FEED && text.startsWith(separator, at)) return at;
  }
  return to;
}

const WINDOW = 16_384;
let segmenter: Intl.Segmenter | undefined;

/** The segmenter's cost grows faster than its input on some texts, so it sees a bounded window at a time. */
function* windows(text: string, line: Span): Generator<Span> {
  let start = line.start;
  while (line.end - start > WINDOW) {
    const end = lastSpace(text, start + WINDOW / 2, start + WINDOW) ?? safeCut(text, start + WINDOW);
    yield { start, end };
    start = end;
  }
  yield { start, end: line.end };
}

function* sentences(text: string, window: Span): Generator<Span> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'sentence' });
  for (const { index, segment } of segmenter.segment(text.slice(window.start, window.end))) {
    const piece = trimmed(text, { start: window.start + index, end: window.start + index + segment.length });
    if (piece !== null) yield piece;
  }
}

function* hardPieces(text: string, sentence: Span): Generator<Span> {
  let start = sentence.start;
  while (sentence.end - start > TARGET) {
    const end = lastSpace(text, start + MIN, start + TARGET) ?? safeCut(text, start + TARGET);
    const piece = trimmed(text, { start, end });
    if (piece !== null) yield piece;
    start = end;
  }
  const rest = trimmed(text, { start, end: sentence.end });
  if (rest !== null) yield rest;
}

const isBlank = (text: string, at: number) => {
  const unit = text.charCodeAt(at);
  return unit <= 0x20 || (unit >= 0xa0 && text.charAt(at).trim() === '');
};

/** The position after the last blank in [from, to), or null. */
function lastSpace(text: string, from: number, to: number): number | null {
  for (let at = to - 1; at >= from; at--) if (isBlank(text, at)) return at + 1;
  return null;
}

/** Never between the halves of a surrogate pair. */
function safeCut(text: string, at: number): number {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff ? at - 1 : at;
}

function trimmed(text: string, { start, end }: Span): Span | null {
  let from = start;
  let to = end;
  while (from < to && isBlank(text, from)) from += 1;
  while (to > from && isBlank(text, to - 1)) to -= 1;
  return from < to ? { start: from, end: to } : null;
}
