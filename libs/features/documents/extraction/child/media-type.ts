import { fileTypeFromBuffer } from 'file-type';
import { ExtractionFailed } from '../extraction-failed.js';
import { isMarkedText, looksLikeText } from './decode-text.js';
import { zipEntryNames } from './zip-scan.js';

export const PDF = 'application/pdf';
export const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
export const HTML = 'text/html';
export const MARKDOWN = 'text/markdown';
export const PLAIN = 'text/plain';

const LEGACY_OFFICE = 'application/x-cfb';
const ZIP = 'application/zip';

/** Extensions and media types that claim something; one that is not listed claims nothing. */
const CLAIM_OF_EXTENSION: Record<string, string> = {
  pdf: PDF,
  docx: DOCX,
  doc: LEGACY_OFFICE,
  html: HTML,
  htm: HTML,
  xhtml: HTML,
  md: MARKDOWN,
  markdown: MARKDOWN,
  txt: PLAIN,
  text: PLAIN,
  log: PLAIN,
  csv: PLAIN,
  json: PLAIN,
  xml: PLAIN,
  yaml: PLAIN,
  yml: PLAIN,
};
const CLAIM_OF_MEDIA_TYPE: Record<string, string> = {
  'application/x-pdf': PDF,
  'application/msword': LEGACY_OFFICE,
  'application/xhtml+xml': HTML,
  'text/x-markdown': MARKDOWN,
  'application/json': PLAIN,
  'application/xml': PLAIN,
  'application/yaml': PLAIN,
};
const CLAIMS_NOTHING = /^$|octet-stream|^application\/(zip|x-zip|x-zip-compressed|x-download|force-download|unknown)$|\*/;
const LABELS: Record<string, string> = {
  [PDF]: 'PDF',
  [DOCX]: 'Word document (.docx)',
  [HTML]: 'HTML page',
  [MARKDOWN]: 'Markdown text',
  [PLAIN]: 'plain text',
  [LEGACY_OFFICE]: 'old Office document',
  [ZIP]: 'zip archive',
};
const label = (mediaType: string) => LABELS[mediaType] ?? `file of type ${mediaType}`;
const isText = (mediaType: string) => mediaType === HTML || mediaType === MARKDOWN || mediaType === PLAIN;

/**
 * The media type that the bytes themselves show, held against what the name's extension and the uploader's media type claim. Kinds of
 * text cannot be told apart by bytes: there the extension decides, then the media type, then whether it begins like an HTML page.
 * @param head the first 64 KiB. @throws ExtractionFailed `mislabelled`, `unsupported`, `encrypted` or `corrupt`.
 */
export async function decideMediaType(fd: number, head: Buffer, fileName: string, claimedMediaType: string | null): Promise<string> {
  const claims = [claimOfName(fileName), claimOfMediaType(claimedMediaType)].filter((claim) => claim !== null);
  const found = await sniff(fd, head);
  if (found === null) return refuseUnknown(claims);
  for (const claim of claims) {
    if (claim !== found && !(isText(claim) && isText(found))) throw mislabelled(claim, found);
  }
  if (isText(found)) return claims[0] ?? found;
  if (found === LEGACY_OFFICE) throw legacyOffice(head);
  if (found !== PDF && found !== DOCX) {
    throw new ExtractionFailed('unsupported', `A ${label(found)} cannot be read here; upload a PDF, .docx, HTML, Markdown or text file.`);
  }
  return found;
}

async function sniff(fd: number, head: Buffer): Promise<string | null> {
  if (head.subarray(0, 4).equals(Buffer.from('PK\x03\x04')) || head.subarray(0, 4).equals(Buffer.from('PK\x05\x06'))) return sniffZip(fd);
  const isMarked = isMarkedText(head);
  const known = isMarked ? undefined : await fileTypeFromBuffer(head).catch(() => undefined);
  if (known !== undefined && known.mime !== 'application/xml') return known.mime;
  if (!isMarked && head.subarray(0, 1024).includes('%PDF-')) return PDF;
  if (!isMarked && !looksLikeText(head)) return null;
  return /^\s*(<!--[\s\S]{0,2000}?-->\s*)?(<\?xml[^>]{0,200}>\s*)?<(!doctype html|html[\s>])/i.test(head.toString('latin1')) ? HTML : PLAIN;
}

async function sniffZip(fd: number): Promise<string> {
  const names = await zipEntryNames(fd);
  if (names.has('word/document.xml') && names.has('[Content_Types].xml')) return DOCX;
  if (names.has('xl/workbook.xml')) return 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
  if (names.has('ppt/presentation.xml')) return 'application/vnd.openxmlformats-officedocument.presentationml.presentation';
  return ZIP;
}

function claimOfName(fileName: string): string | null {
  const extension = /\.([A-Za-z0-9]{1,10})$/.exec(fileName)?.[1]?.toLowerCase();
  return (extension !== undefined && Object.hasOwn(CLAIM_OF_EXTENSION, extension) && CLAIM_OF_EXTENSION[extension]) || null;
}

function claimOfMediaType(claimed: string | null): string | null {
  const mediaType = (claimed ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (CLAIMS_NOTHING.test(mediaType)) return null;
  if (Object.hasOwn(CLAIM_OF_MEDIA_TYPE, mediaType)) return CLAIM_OF_MEDIA_TYPE[mediaType] ?? null;
  if (mediaType === HTML || mediaType === MARKDOWN) return mediaType;
  return mediaType.startsWith('text/') ? PLAIN : mediaType;
}

function mislabelled(claim: string, found: string): ExtractionFailed {
  return new ExtractionFailed(
    'mislabelled',
    `The file is labelled as a ${label(claim)} but is a ${label(found)}; give it the right name and upload it again.`,
  );
}

function refuseUnknown(claims: string[]): never {
  const claim = claims[0];
  if (claim === undefined)
    throw new ExtractionFailed('unsupported', 'This kind of file cannot be read; upload a PDF, .docx, HTML, Markdown or text file.');
  throw new ExtractionFailed(
    'corrupt',
    `The file is labelled as a ${label(claim)} but its content is not one; it may be damaged, so save it again.`,
  );
}

/** Word encrypts into the old container format; its directory then names an EncryptedPackage. */
function legacyOffice(head: Buffer): ExtractionFailed {
  if (head.includes(Buffer.from('EncryptedPackage', 'utf16le'))) {
    return new ExtractionFailed('encrypted', 'The document is protected by a password; remove it and upload the file again.');
  }
  return new ExtractionFailed('unsupported', 'Old Office documents cannot be read; save it as .docx or PDF and upload that.');
}
