import { getDocumentProxy } from 'unpdf';
import { MAX_PAGES } from '../extraction.js';
import { ExtractionFailed } from '../extraction-failed.js';
import {
  bodySize,
  headingLevel,
  headingLevels,
  joinWrapped,
  joint,
  linesOf,
  type PdfLine,
  type TextRun,
  withoutRunningLines,
} from './pdf-lines.js';
import type { TextBuilder } from './text-builder.js';

const MAX_RUNS_PER_PAGE = 200_000;

/** A PDF page by page. @throws ExtractionFailed `encrypted`, `too_complex`, `no_text`; anything else that it throws means damage. */
export async function readPdf(bytes: Buffer, builder: TextBuilder): Promise<void> {
  const document = await open(bytes);
  if (document.numPages > MAX_PAGES)
    throw new ExtractionFailed('too_complex', `The PDF has more than ${MAX_PAGES} pages; split it into parts.`);
  const pages: PdfLine[][] = [];
  let readable = 0;
  let damage: unknown = null;
  for (let number = 1; number <= document.numPages; number++) {
    try {
      pages.push(linesOf(await runsOf(document, number)));
      readable += 1;
    } catch (error) {
      if (error instanceof ExtractionFailed || error instanceof RangeError) throw error;
      damage = error;
      pages.push([]);
    }
  }
  if (readable === 0) throw damage ?? new Error('a PDF without pages');
  if (pages.every((lines) => lines.length === 0)) {
    throw new ExtractionFailed(
      'no_text',
      'The PDF holds no text: its pages are empty, or hold only pictures of text, as those of a scan; then run text recognition (OCR) on it and upload the result.',
    );
  }
  write(withoutRunningLines(pages), builder);
}

async function open(bytes: Buffer) {
  try {
    return await getDocumentProxy(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      isEvalSupported: false,
      disableFontFace: true,
      useSystemFonts: false,
      stopAtErrors: false,
      maxImageSize: 1,
      verbosity: 0,
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'PasswordException') {
      throw new ExtractionFailed('encrypted', 'The PDF is protected by a password; remove it and upload the file again.');
    }
    throw error;
  }
}

async function runsOf(document: Awaited<ReturnType<typeof open>>, number: number): Promise<TextRun[]> {
  const page = await document.getPage(number);
  const { items } = await page.getTextContent();
  page.cleanup();
  if (items.length > MAX_RUNS_PER_PAGE) throw new ExtractionFailed('too_complex', `Page ${number} of the PDF is too complex to be read.`);
  const runs: TextRun[] = [];
  for (const item of items) {
    if (!('str' in item) || item.str === '') continue;
    const [, , c = 0, d = 0, x = 0, y = 0] = item.transform as number[];
    runs.push({ text: item.str, x, y, width: item.width, size: Math.hypot(c, d) || item.height });
  }
  return runs;
}

function write(pages: PdfLine[][], builder: TextBuilder): void {
  const body = bodySize(pages);
  const levels = headingLevels(pages, body);
  pages.forEach((lines, index) => {
    builder.break('paragraph');
    builder.page(index + 1);
    writePage(lines, builder, (line) => headingLevel(line, body, levels));
  });
}

interface Paragraph {
  text: string;
  level: number | null;
}

function writePage(lines: PdfLine[], builder: TextBuilder, levelOf: (line: PdfLine) => number | null): void {
  const columnRight = lines.reduce((right, line) => Math.max(right, line.right), 0);
  let before: PdfLine | null = null;
  let paragraph = null as Paragraph | null;
  const finish = () => {
    if (paragraph === null) return;
    if (paragraph.level === null) builder.append(paragraph.text);
    else builder.heading(paragraph.level, paragraph.text);
    paragraph = null;
  };
  for (const line of lines) {
    const level = levelOf(line);
    const how: ReturnType<typeof joint> = before === null ? 'paragraph' : joint(before, line, columnRight);
    const current = paragraph;
    if (current !== null && current.level === level && (how === 'wrapped' || (level !== null && how === 'line'))) {
      current.text = joinWrapped(current.text, line.text);
    } else {
      finish();
      if (before !== null) builder.break(how === 'paragraph' ? 'paragraph' : 'line');
      paragraph = { text: line.text, level };
    }
    before = line;
  }
  finish();
}
