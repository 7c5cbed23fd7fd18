import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as pdf from './pdf-bombs.js';
import * as text from './text-bombs.js';
import * as word from './word-bombs.js';

/** How a bomb must end: with one of these failures, or `ready` with a good result. */
export type Ending =
  'ready' | 'empty' | 'encrypted' | 'corrupt' | 'mislabelled' | 'unsupported' | 'too_large' | 'too_complex' | 'timed_out' | 'no_text';

export interface Bomb {
  /** The name under which it is uploaded. */
  fileName: string;
  claimedMediaType?: string;
  endings: Ending[];
  write(path: string): Promise<void>;
}

/** A reason as a person is told it: one sentence. */
export const READABLE = /^[A-Z].{10,200}\.$/;

type Content = Buffer | string | Promise<Buffer>;
export const bomb = (fileName: string, endings: Ending[], make: () => Content): Bomb => ({
  fileName,
  endings,
  write: async (path) => writeFile(path, await make()),
});
const COSTLY: Ending[] = ['too_complex', 'timed_out'];

export const BOMBS: Bomb[] = [
  bomb('plain.docx', ['ready'], word.plainDocx),
  bomb('honest-bomb.docx', ['too_complex'], word.honestBomb),
  bomb('many-paragraphs.docx', ['ready', ...COSTLY], word.manyParagraphs),
  bomb('deep-xml.docx', ['ready', 'corrupt', ...COSTLY], word.deepXml),
  bomb('many-attributes.docx', ['no_text', 'corrupt', ...COSTLY], word.manyAttributes),
  bomb('lying-sizes.docx', ['too_complex'], word.lyingBomb),
  bomb('nested-42.docx', ['ready', 'too_complex'], word.nestedBomb),
  bomb('nested-42.zip', ['mislabelled', 'unsupported', 'too_complex', 'ready'], word.nestedBomb),
  bomb('many-entries.docx', ['too_complex'], word.manyEntries),
  bomb('overlapping-entries.docx', ['too_complex'], word.overlappingEntries),
  bomb('zip64.docx', ['too_complex', 'corrupt'], word.zip64),
  bomb('path-tricks.docx', ['corrupt'], word.pathTricks),
  bomb('one-name-twice.docx', ['too_complex'], word.twiceTheSameName),
  bomb('password.docx', ['encrypted'], word.encryptedEntry),
  bomb('entity-bomb.docx', ['too_complex'], word.entityBomb),
  bomb('external-entity.docx', ['too_complex'], word.externalEntity),
  bomb('external-entity-utf16.docx', ['too_complex'], word.externalEntityUtf16),
  bomb('renamed.doc', ['mislabelled'], word.honestBomb),
  bomb('renamed.pdf', ['mislabelled'], word.honestBomb),
  bomb('polyglot.pdf', ['ready', 'corrupt'], () => Buffer.concat([pdf.plainPdf(), word.plainDocx()])),
  bomb('polyglot.docx', ['mislabelled'], () => Buffer.concat([pdf.plainPdf(), word.plainDocx()])),
  bomb('plain.pdf', ['ready'], pdf.plainPdf),
  bomb('flate-bomb.pdf', ['too_complex', 'timed_out', 'corrupt', 'no_text'], pdf.flateBomb),
  bomb('page-tree-loop.pdf', ['corrupt', ...COSTLY], pdf.pageTreeLoop),
  bomb('form-loop.pdf', ['ready', 'corrupt', ...COSTLY], pdf.formLoop),
  bomb('form-fan.pdf', ['ready', 'no_text', 'corrupt', ...COSTLY], pdf.formFan),
  bomb('million-pages.pdf', COSTLY, pdf.millionPages),
  bomb('claimed-pages.pdf', ['ready', 'too_complex', 'corrupt'], pdf.claimedPages),
  bomb('recursive-outline.pdf', ['ready'], pdf.recursiveOutline),
  bomb('huge-image.pdf', ['no_text', 'corrupt', 'too_complex'], pdf.hugeImage),
  bomb('deep-arrays.pdf', ['ready', 'no_text', 'corrupt', ...COSTLY], pdf.deepArrays),
  bomb('script-and-attachment.pdf', ['ready'], pdf.scriptAndAttachment),
  bomb('scan.pdf', ['no_text'], pdf.scan),
  bomb('password.pdf', ['encrypted'], pdf.encryptedPdf),
  bomb('random.pdf', ['corrupt'], () => randomBytes(2 ** 20)),
  bomb('random', ['unsupported'], () => randomBytes(2 ** 20)),
  bomb('deep.html', ['too_complex'], text.deepHtml),
  bomb('deep-inline.html', ['ready', ...COSTLY], text.deepInlineHtml),
  bomb('table-soup.html', ['ready', 'no_text', 'too_complex'], text.tableSoupHtml),
  bomb('many-attributes.html', ['ready', ...COSTLY], text.manyAttributesHtml),
  bomb('entities.html', ['ready'], text.entitiesHtml),
  {
    fileName: 'five-million-nodes.html',
    endings: ['too_complex'],
    write: (path) => text.writeRepeated(path, '<i>', 5_000_000, '<!doctype html>'),
  },
  {
    fileName: 'five-million-siblings.html',
    endings: ['too_complex'],
    write: (path) => text.writeRepeated(path, '<br>x', 5_000_000, '<!doctype html>'),
  },
  bomb('brackets.md', ['ready'], text.brackets),
  bomb('quotes.md', ['ready'], text.quotes),
  bomb('emphasis.md', ['ready'], text.emphasis),
  bomb('list-nest.md', ['ready'], text.listNest),
  bomb('open-links.md', ['ready'], text.openLinks),
  bomb('spaces.txt', ['ready', 'too_large'], text.spaces),
  bomb('combining-marks.txt', ['ready', 'timed_out'], text.combiningMarks),
  bomb('lone-surrogates.txt', ['ready', 'corrupt', 'unsupported'], text.loneSurrogates),
  bomb('empty.pdf', ['empty'], () => ''),
  { fileName: 'one-line.txt', endings: ['too_large'], write: (path) => text.writeRepeated(path, 'all in one line ', 200 * 2 ** 16) },
  { fileName: 'thirty-megabytes.txt', endings: ['too_large'], write: (path) => text.writeRepeated(path, 'a line of text\n', 2 * 2 ** 20) },
];

/** Texts near the limit, of some 22,000 passages each. */
export const LONG_TEXTS: Bomb[] = [
  bomb('headings-only.md', ['ready'], text.headingsOnly),
  { fileName: 'largest.txt', endings: ['ready'], write: (path) => text.writeRepeated(path, 'a line of text!\n', 20 * 2 ** 16) },
];

/** Writes a bomb into a folder. @returns what extraction is to be given. */
export async function plant({ fileName, claimedMediaType, write }: Bomb, folder: string) {
  const path = join(folder, fileName);
  await write(path);
  return { path, fileName, claimedMediaType: claimedMediaType ?? null };
}
