/** A section title; `start` is where it begins in the text. Level 1 is the outermost. */
export interface Heading {
  level: number;
  title: string;
  start: number;
}

/** A page of a paged format, numbered from 1; it lasts until the next page's `start`. */
export interface Page {
  number: number;
  start: number;
}

/**
 * What a file says. `text` is its one normalized text: NFC, `\n` line ends, no control characters but tab and line feed, no lone
 * surrogates, no byte order marks, at most one blank line in a row, no spaces at line ends, a table row on one line with ` | ` between
 * its cells. Every offset counts UTF-16 code units in it and ascends; `pages` is empty for formats without pages.
 */
export interface Extraction {
  mediaType: string;
  text: string;
  headings: Heading[];
  pages: Page[];
}

/** What one document may cost. The child works under all of them; the parent enforces those about time, memory and the result again. */
export interface ExtractionLimits {
  /** Size of the file. Bytes, default 100 MiB. */
  maxFileBytes: number;
  /** Size of a file that is itself text (plain, Markdown, HTML). Bytes, default 40 MiB. */
  maxTextFileBytes: number;
  /** Size of the result in memory: a code unit takes one byte if the whole text is Latin-1, else two. Bytes, default 20 MiB. */
  maxTextBytes: number;
  /** Wall clock, after which the child is killed. Seconds, default 30. */
  maxSeconds: number;
  /** CPU time of the child. Seconds, default 20. Only where prlimit exists. */
  maxCpuSeconds: number;
  /** Memory of the child: data segment where prlimit exists, and always its resident size. Bytes, default 512 MiB. */
  maxMemoryBytes: number;
}

export const EXTRACTION_LIMITS: ExtractionLimits = {
  maxFileBytes: 100 * 2 ** 20,
  maxTextFileBytes: 40 * 2 ** 20,
  maxTextBytes: 20 * 2 ** 20,
  maxSeconds: 30,
  maxCpuSeconds: 20,
  maxMemoryBytes: 512 * 2 ** 20,
};

/** More headings or pages than these are not kept; more pages than these are refused. */
export const MAX_HEADINGS = 20_000;
export const MAX_PAGES = 5_000;
export const MAX_TITLE_LENGTH = 300;
