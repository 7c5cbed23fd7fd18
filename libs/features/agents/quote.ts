/** A quote with fewer letters than this proves nothing. */
const MIN_LETTERS = 4;
const ALIKE: readonly [RegExp, string][] = [
  [/['‘’]/, `['‘’]`],
  [/["“”„«»]/, `["“”„«»]`],
  [/[-‐‑–—]/, `[-‐‑–—]`],
];

/**
 * What `text` really says where the quote stands: the same letters, but for white space, kinds of quotation marks and dashes, and an
 * ellipsis at either end. Null when it does not say so, or the quote is too short to prove anything.
 */
export function exactQuote(text: string, quote: string): string | null {
  const wanted = quote.trim().replace(/^(?:\.{3}|…)\s*|\s*(?:\.{3}|…)$/gu, '');
  if (wanted.replace(/[^\p{L}\p{N}]/gu, '').length < MIN_LETTERS) return null;
  if (text.includes(wanted)) return wanted;
  const pattern = wanted
    .split(/\s+/)
    .map((word) => [...word].map(patternOf).join(''))
    .join('\\s+');
  return new RegExp(pattern, 'u').exec(text)?.[0] ?? null;
}

function patternOf(letter: string): string {
  const alike = ALIKE.find(([one]) => one.test(letter));
  return alike ? alike[1] : letter.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}
