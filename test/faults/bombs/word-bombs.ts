import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { overlappingZip, zipOf, type ZipPart } from './zip-writer.js';

const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const CONTENT_TYPES: ZipPart = {
  name: '[Content_Types].xml',
  content:
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
};
const RELATIONS: ZipPart = {
  name: '_rels/.rels',
  content:
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
};

const body = (content: string, prolog = '') => `<?xml version="1.0"?>${prolog}<w:document ${W}><w:body>${content}</w:body></w:document>`;
const documentPart = (content: string, prolog = ''): ZipPart => ({ name: 'word/document.xml', content: body(content, prolog) });
const paragraph = (text: string) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`;

/** A Word document of these parts besides the two that every one has. */
export const docx = (...parts: ZipPart[]) => zipOf([CONTENT_TYPES, RELATIONS, ...parts]);

/** A long document of ordinary paragraphs. */
export const longDocx = (texts: string[]) => docx(documentPart(texts.map(paragraph).join('')));
export const plainDocx = () => docx(documentPart(paragraph('Hello from Word')));
/** 400 MiB of one letter: 400 KiB on disk. */
export const honestBomb = () => docx({ name: 'word/document.xml', content: Buffer.alloc(400 * 2 ** 20, 0x61) });
const words = (count: number) => Array.from({ length: count }, () => randomBytes(6).toString('base64url')).join(' ');

/** Within every limit of the pre-scan, but 400,000 paragraphs for the parser. */
export const manyParagraphs = () => docx(documentPart(Array.from({ length: 400_000 }, () => paragraph(words(2))).join('')));
/** The same with tables in tables, 20,000 deep, and texts between them that keep the ratio low. */
export const deepXml = () =>
  docx(
    documentPart(
      Array.from({ length: 20_000 }, () => `<w:tbl><w:tr><w:tc>${paragraph(words(1))}`).join('') + '</w:tc></w:tr></w:tbl>'.repeat(20_000),
    ),
  );
/** Megabytes of attributes on one element. */
export const manyAttributes = () =>
  docx(documentPart(`<w:p ${Array.from({ length: 200_000 }, (_, at) => `w:a${at}="${randomBytes(3).toString('hex')}"`).join(' ')}/>`));
/** The headers speak of 1,000 bytes; 60 MiB come out. */
export const lyingBomb = () =>
  docx({ name: 'word/document.xml', content: 'short', claimedSize: 1_000, deflated: deflateRawSync(Buffer.alloc(60 * 2 ** 20, 0x61)) });
/** Archives in archives, sixteen at each of three levels, as 42.zip has them. */
export const nestedBomb = () => {
  let inner = zipOf([{ name: '0.dll', content: Buffer.alloc(20 * 2 ** 20) }]);
  for (let level = 0; level < 3; level++) inner = zipOf([...Array(16).keys()].map((at) => ({ name: `lib ${at}.zip`, content: inner })));
  return docx(documentPart(paragraph('nested')), { name: 'word/embeddings/lib.zip', content: inner });
};
export const manyEntries = () =>
  docx(documentPart(paragraph('many')), ...[...Array(100_000).keys()].map((at): ZipPart => ({ name: `word/media/${at}`, content: '' })));
export const overlappingEntries = () =>
  overlappingZip(
    [CONTENT_TYPES, RELATIONS, documentPart(paragraph('overlap'))],
    { name: 'word/media/kernel.xml', content: Buffer.alloc(2 ** 20, 0x61) },
    1_500,
  );
export const zip64 = () =>
  docx({ ...documentPart(paragraph('zip64')), extra: Buffer.from([1, 0, 8, 0, 255, 255, 255, 255, 255, 0, 0, 0]) });
export const pathTricks = () => docx(documentPart(paragraph('path')), { name: '../../../etc/cron.d/x', content: 'x' });
export const twiceTheSameName = () => docx(documentPart(paragraph('first')), documentPart(paragraph('second')));
export const encryptedEntry = () => docx({ ...documentPart(paragraph('secret')), encrypted: true });
export const entityBomb = () => {
  const levels = [...Array(9).keys()].map((at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`).join('');
  return docx(documentPart(paragraph('&l9;'), `<!DOCTYPE x [<!ENTITY l0 "lol">${levels}]>`));
};
export const externalEntity = () =>
  docx(documentPart(paragraph('&passwd;'), '<!DOCTYPE x [<!ENTITY passwd SYSTEM "file:///etc/passwd">]>'));
/** The same in UTF-16, where a search for bytes would not see it. */
export const externalEntityUtf16 = () =>
  docx({
    name: 'word/document.xml',
    content: Buffer.from(`\ufeff${body(paragraph('&passwd;'), '<!DOCTYPE x [<!ENTITY passwd SYSTEM "file:///etc/passwd">]>')}`, 'utf16le'),
  });
