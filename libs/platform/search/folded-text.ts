/** Scripts that write without spaces between words, and Hangul, whose words carry their endings: searched by pairs of characters. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}ー]+/gu;
/** Punctuation beyond ASCII, which PostgreSQL takes for letters under the C locale. ASCII stays: the parser knows hosts, paths and numbers. */
const FOREIGN_PUNCTUATION = /[^\p{L}\p{N}\p{M}\u0000-\u007f]+/gu;
const LATIN_MARKS = /[\u0300-\u036f]/g;

/**
 * Text as the index and the queries see it, whatever the database's locale: compatibility forms made plain, lower case, without the
 * accents of Latin, Greek and Cyrillic letters; and each run of an unspaced script as its characters and its pairs of neighbours
 * (東京都 → 東 京 都 東京 京都).
 */
export function foldText(text: string): string {
  return foldLetters(text).replace(UNSPACED, (run) => ` ${[...run].join(' ')} ${pairsOf(run)} `);
}

/** The same for a query: only the pairs of a run count, unless it is a single character. */
export function foldQuery(text: string): string {
  return foldLetters(text).replace(UNSPACED, (run) => ` ${pairsOf(run) || run} `);
}

/** A word that `wordsOf` found, ready to be compared with the terms of a query. */
export function foldLetters(text: string): string {
  return text.normalize('NFKD').replace(LATIN_MARKS, '').normalize('NFC').toLowerCase().replace(FOREIGN_PUNCTUATION, ' ');
}

function pairsOf(run: string): string {
  const letters = [...run];
  return letters
    .slice(1)
    .map((letter, index) => `${letters[index]}${letter}`)
    .join(' ');
}

export interface Word {
  /** Folded. */
  text: string;
  /** Where it stands in the original, in UTF-16 code units. */
  start: number;
  end: number;
}

const WORDS = /[\p{L}\p{N}\p{M}]+/gu;

/** The words of a text with their places: runs of letters and digits; of unspaced scripts every pair of neighbours, and a lone character. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(WORDS)) {
    let at = match.index;
    for (const piece of match[0].split(new RegExp(`(${UNSPACED.source})`, 'u'))) {
      if (piece === '') continue;
      if (new RegExp(`^${UNSPACED.source}$`, 'u').test(piece)) words.push(...pairWords(piece, at));
      else words.push({ text: foldLetters(piece), start: at, end: at + piece.length });
      at += piece.length;
    }
  }
  return words;
}

function pairWords(run: string, offset: number): Word[] {
  const words: Word[] = [];
  let at = offset;
  let before = '';
  for (const letter of run) {
    if (before) words.push({ text: foldLetters(before + letter), start: at - before.length, end: at + letter.length });
    before = letter;
    at += letter.length;
  }
  return words.length > 0 ? words : [{ text: foldLetters(run), start: offset, end: offset + run.length }];
}
