import chardet from 'chardet';
import iconv from 'iconv-lite';
import { ExtractionFailed } from '../extraction-failed.js';

const SAMPLE_BYTES = 256 * 1024;

/** Whether bytes look like text in some encoding: not more than one control character in fifty. */
export function looksLikeText(sample: Buffer): boolean {
  const wide = byteOrderMark(sample) ?? wideEncoding(sample);
  const text = wide === null ? sample.toString('latin1') : iconv.decode(sample, wide);
  let controls = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0xfffd || (unit < 0x20 && !ALLOWED_CONTROLS.has(unit))) controls += 1;
  }
  return controls <= Math.max(2, text.length / 50);
}

/** Tab, line feed, form feed, carriage return, and the escape of ISO-2022. */
const ALLOWED_CONTROLS = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x1b]);

/** Bytes that begin as UTF-8, UTF-16 or UTF-32 text is marked, and go on like text. (An MP3 frame begins like UTF-16.) */
export function isMarkedText(sample: Buffer): boolean {
  return byteOrderMark(sample) !== null && looksLikeText(sample);
}

/**
 * Bytes to a string: byte order mark, else strict UTF-8, else UTF-16 by its NULs, else what the file declares (HTML), else a guess from
 * the first 256 KiB.
 * @throws ExtractionFailed `corrupt` when more than one character in a hundred is not of the chosen encoding.
 */
export function decodeText(bytes: Buffer, declared: string | null = null): string {
  const encoding = byteOrderMark(bytes) ?? wideEncoding(bytes);
  if (encoding !== null) return checked(iconv.decode(bytes, encoding));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const named = declared !== null && iconv.encodingExists(declared) ? declared : guess(bytes);
    return checked(iconv.decode(bytes, named));
  }
}

function guess(bytes: Buffer): string {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  for (const { name } of chardet.analyse(sample)) {
    // A broken UTF-8 file is better read as UTF-8 with marks than as Latin-1; a pure ISO-8859-1 file is windows-1252 in practice.
    if (name.startsWith('UTF-16') || name.startsWith('UTF-32') || name === 'ASCII') continue;
    if (name === 'ISO-8859-1') return 'windows-1252';
    if (iconv.encodingExists(name)) return name;
  }
  return 'windows-1252';
}

function byteOrderMark(bytes: Buffer): string | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes[2] === 0 && bytes[3] === 0 && bytes.length % 4 === 0 ? 'utf-32le' : 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return null;
}

/** UTF-16 without a mark: in Western text nearly every other byte is NUL. */
function wideEncoding(bytes: Buffer): string | null {
  const sample = bytes.subarray(0, 4096);
  if (sample.length < 4 || sample.length % 2 !== 0) return null;
  const nuls = [0, 0] as [number, number];
  sample.forEach((byte, at) => {
    if (byte === 0) nuls[at % 2 === 0 ? 0 : 1] += 1;
  });
  const half = sample.length / 2;
  if (nuls[1] > half * 0.7 && nuls[0] < half * 0.05) return 'utf-16le';
  if (nuls[0] > half * 0.7 && nuls[1] < half * 0.05) return 'utf-16be';
  return null;
}

function checked(text: string): string {
  let bad = 0;
  for (let at = text.indexOf('\ufffd'); at !== -1; at = text.indexOf('\ufffd', at + 1)) bad += 1;
  if (bad * 100 > text.length) {
    throw new ExtractionFailed(
      'corrupt',
      'The text’s character encoding could not be recognised; save the file as UTF-8 and upload it again.',
    );
  }
  return text;
}
