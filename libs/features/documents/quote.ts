import type { PlacedQuote } from '@atrium/platform/search';
import type { Page } from './extraction/extraction.js';

/** Where the text says the quote between two places: letter by letter, else but for white space. Null when it does not. */
export function quoteIn(text: string, start: number, end: number, quote: string): PlacedQuote | null {
  if (start < 0 || end > text.length || start >= end) return null;
  const passage = text.slice(start, end);
  const words = quote.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return null;
  const exact = passage.indexOf(quote.trim());
  if (exact >= 0) return found(text, start + exact, start + exact + quote.trim().length);
  const match = new RegExp(words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('\\s+')).exec(passage);
  return match ? found(text, start + match.index, start + match.index + match[0].length) : null;
}

/** The page on which a place of the text stands; null where there are no pages. */
export function pageAt(pages: readonly Page[], start: number): number | null {
  return pages.findLast((page) => page.start <= start)?.number ?? null;
}

const found = (text: string, start: number, end: number): PlacedQuote => ({ start, end, quote: text.slice(start, end) });
