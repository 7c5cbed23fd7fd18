import { MAX_HEADINGS, MAX_TITLE_LENGTH, type Heading, type Page } from '../extraction.js';
import { ExtractionFailed } from '../extraction-failed.js';
import { normalizeText } from './normalize-text.js';

/**
 * Puts normalized blocks together and knows where each begins. Blocks are normalized one by one; since a line feed stands between them
 * and composes with nothing, the whole is normalized too, and an offset once given stays right.
 */
export class TextBuilder {
  readonly headings: Heading[] = [];
  readonly pages: Page[] = [];
  private readonly openPages: number[] = [];
  private readonly parts: string[] = [];
  private length = 0;
  private gap: '' | '\n' | '\n\n' = '';

  constructor(private readonly maxUnits: number) {}

  /** Appends a block, or nothing if it is blank. @returns where it starts. @throws ExtractionFailed `too_large`. */
  append(raw: string): number {
    const block = normalizeText(raw);
    if (block === '') return this.length;
    const lead = this.length === 0 ? '' : this.gap || '\n';
    this.parts.push(lead, block);
    const start = this.length + lead.length;
    for (const number of this.openPages) this.pages.push({ number, start });
    this.openPages.length = 0;
    this.length = start + block.length;
    this.gap = '';
    if (this.length > this.maxUnits) throw new ExtractionFailed('too_large', 'The document has too much text; split it into parts.');
    return start;
  }

  /** What stands before the next block, at least: the end of the line, or a blank line. */
  break(kind: 'line' | 'paragraph'): void {
    if (kind === 'paragraph') this.gap = '\n\n';
    else if (this.gap === '') this.gap = '\n';
  }

  heading(level: number, raw: string): void {
    const title = headingTitle(raw);
    if (title === '') return;
    this.break('paragraph');
    const start = this.append(title);
    if (this.headings.length < MAX_HEADINGS) this.headings.push({ level, title: title.slice(0, MAX_TITLE_LENGTH), start });
    this.break('paragraph');
  }

  /** The next block is the first of this page. A page without text starts where the next one with text does. */
  page(number: number): void {
    this.openPages.push(number);
  }

  build(): { text: string; headings: Heading[]; pages: Page[] } {
    const textless = this.openPages.map((number) => ({ number, start: this.length }));
    return { text: this.parts.join(''), headings: this.headings, pages: [...this.pages, ...textless] };
  }
}

/** A heading as one line, without lone surrogates where it is cut. */
export function headingTitle(raw: string): string {
  return normalizeText(
    raw
      .slice(0, 10 * MAX_TITLE_LENGTH)
      .split(/\s+/u)
      .join(' ')
      .trim(),
  );
}
