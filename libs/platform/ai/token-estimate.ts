/** Latin letters, digits and signs: about four of them are a token. Up to the end of Latin Extended-B. */
const LATIN_END = 0x250;
/** Other alphabets (Greek, Cyrillic, Arabic, Hebrew and their like): about two. */
const ALPHABETS_END = 0x900;
/** Punctuation and symbols between the alphabets and the scripts of East Asia: quotes, dashes, arrows, box drawings. */
const SIGNS = [0x2000, 0x2e80] as const;

/**
 * What a text weighs, in quarters of a token, by its scripts: of Chinese, Japanese, Korean, of the scripts of India and South-East Asia, and
 * of emoji each character counts as a token. Grows with the text: what it weighs in pieces it weighs as a whole.
 */
export function tokenWeight(text: string): number {
  let quarters = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < LATIN_END) quarters += 1;
    else if (unit < ALPHABETS_END || (unit >= SIGNS[0] && unit < SIGNS[1])) quarters += 2;
    // The second half of a character that its first half has counted.
    else if (unit < 0xdc00 || unit > 0xdfff) quarters += 4;
  }
  return quarters;
}

export const tokensOf = (weight: number): number => Math.ceil(weight / 4);

/** About how many tokens a text has. */
export const estimatedTokens = (text: string): number => tokensOf(tokenWeight(text));
