import { fstatSync, readSync } from 'node:fs';
import type { Extraction, ExtractionLimits } from '../extraction.js';
import { ExtractionFailed } from '../extraction-failed.js';
import { decodeText } from './decode-text.js';
import { DOCX, HTML, MARKDOWN, PDF, decideMediaType } from './media-type.js';
import { markdownHeadings } from './markdown-headings.js';
import { normalizeText } from './normalize-text.js';
import { TextBuilder } from './text-builder.js';
import { scanZip } from './zip-scan.js';

const HEAD_BYTES = 64 * 1024;

export interface DocumentSource {
  fd: number;
  fileName: string;
  claimedMediaType: string | null;
}

/** Reads the open file from beginning to end. Parsers are loaded only when a file needs them, so that a text file starts fast. */
export async function readDocument(source: DocumentSource, limits: ExtractionLimits): Promise<Extraction> {
  const { size } = fstatSync(source.fd);
  if (size === 0) throw new ExtractionFailed('empty', 'The file is empty; choose one with content.');
  if (size > limits.maxFileBytes) throw tooLarge(limits.maxFileBytes);
  const head = readBytes(source.fd, Math.min(size, HEAD_BYTES));
  const mediaType = await decideMediaType(source.fd, head, source.fileName, source.claimedMediaType);
  const builder = new TextBuilder(limits.maxTextBytes);
  if (mediaType === DOCX) await scanZip(source.fd);
  else if (mediaType !== PDF && size > limits.maxTextFileBytes) throw tooLarge(limits.maxTextFileBytes);

  const extraction = await readAs(mediaType, readBytes(source.fd, size), builder).catch((error: unknown) => {
    throw asFailure(error, mediaType);
  });
  return assertFits(extraction, limits);
}

async function readAs(mediaType: string, bytes: Buffer, builder: TextBuilder): Promise<Extraction> {
  switch (mediaType) {
    case PDF:
      await (await import('./pdf-text.js')).readPdf(bytes, builder);
      return { mediaType, ...builder.build() };
    case DOCX:
      await (await import('./docx-text.js')).readDocx(bytes, builder);
      return { mediaType, ...builder.build() };
    case HTML:
      (await import('./html-text.js')).readHtml(decodeText(bytes, declaredCharset(bytes)), builder);
      return { mediaType, ...builder.build() };
    default: {
      const text = normalizeText(decodeText(bytes));
      return { mediaType, text, headings: mediaType === MARKDOWN ? markdownHeadings(text) : [], pages: [] };
    }
  }
}

function declaredCharset(bytes: Buffer): string | null {
  return /<meta[^>]{0,200}charset\s{0,5}=\s{0,5}["']?([\w-]{1,40})/i.exec(bytes.toString('latin1', 0, 4096))?.[1] ?? null;
}

function assertFits(extraction: Extraction, limits: ExtractionLimits): Extraction {
  const { text } = extraction;
  if (text.trim() === '') throw new ExtractionFailed('no_text', 'There is no text in the file; choose one with text.');
  const bytes = isLatin1(text) ? text.length : text.length * 2;
  if (bytes > limits.maxTextBytes) throw new ExtractionFailed('too_large', 'The document has too much text; split it into parts.');
  return extraction;
}

export function isLatin1(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0xff) return false;
  return true;
}

function asFailure(error: unknown, mediaType: string): ExtractionFailed {
  if (error instanceof ExtractionFailed) return error;
  if (error instanceof RangeError)
    return new ExtractionFailed('too_complex', 'The file is too complex to be read; split it into parts or save it as a plain PDF.');
  const what = mediaType === PDF ? 'PDF' : mediaType === DOCX ? 'Word document' : 'file';
  return new ExtractionFailed('corrupt', `The ${what} is damaged and cannot be read; save it again and upload the new file.`);
}

function tooLarge(bytes: number): ExtractionFailed {
  return new ExtractionFailed('too_large', `The file is larger than ${Math.floor(bytes / 2 ** 20)} MiB; split it into parts.`);
}

function readBytes(fd: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
