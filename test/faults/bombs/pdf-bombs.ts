import { randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { PDFDocument } from 'pdf-lib';

/** A PDF of these objects, numbered from 1; the first is the catalogue. */
export function pdfOf(objects: (string | Buffer)[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const offsets: number[] = [];
  let length = parts[0]?.length ?? 0;
  const push = (part: Buffer) => {
    parts.push(part);
    length += part.length;
  };
  objects.forEach((object, at) => {
    offsets.push(length);
    push(Buffer.concat([Buffer.from(`${at + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]));
  });
  const start = length;
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  push(Buffer.from(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`));
  push(Buffer.from(`trailer\n<</Size ${objects.length + 1} /Root 1 0 R ${trailer}>>\nstartxref\n${start}\n%%EOF\n`));
  return Buffer.concat(parts);
}

const CATALOGUE = '<</Type /Catalog /Pages 2 0 R>>';
const FONT = '<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>';
const stream = (content: Buffer | string, dictionary = '') =>
  Buffer.concat([
    Buffer.from(`<<${dictionary} /Length ${Buffer.byteLength(content)}>>\nstream\n`),
    Buffer.from(content),
    Buffer.from('\nendstream'),
  ]);
const onePage = (extra = '') =>
  `<</Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>> ${extra}>>>>`;
const single = (content: Buffer, ...more: (string | Buffer)[]) =>
  pdfOf([CATALOGUE, '<</Type /Pages /Kids [3 0 R] /Count 1>>', onePage(), content, FONT, ...more]);

export const plainPdf = () => single(stream('BT /F1 12 Tf 50 700 Td (Hello from PDF) Tj ET'));
/** A page of text and so many bytes of a picture, as a scanner with text recognition makes it. */
export const pictured = (bytes: number) =>
  pdfOf([
    CATALOGUE,
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    onePage('/XObject <</I 6 0 R>>'),
    stream('BT /F1 12 Tf 50 700 Td (The picture of a page) Tj ET'),
    FONT,
    stream(
      randomBytes(bytes),
      `/Type /XObject /Subtype /Image /Width 1000 /Height ${Math.floor(bytes / 1000)} /ColorSpace /DeviceGray /BitsPerComponent 8`,
    ),
  ]);
/** 1 GiB of spaces after the text, in a content stream that is deflated twice. */
export const flateBomb = () => {
  const once = deflateSync(Buffer.alloc(1024 * 2 ** 20, 0x20), { level: 9 });
  return single(stream(deflateSync(once, { level: 9 }), '/Filter [/FlateDecode /FlateDecode]'));
};
/** The tree of pages contains itself. */
export const pageTreeLoop = () => pdfOf([CATALOGUE, '<</Type /Pages /Kids [2 0 R 2 0 R] /Count 3>>']);
/** Forms that draw each other, and a length that is found only by reading itself. */
export const formLoop = () =>
  pdfOf([
    CATALOGUE,
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    onePage('/XObject <</X 6 0 R>>'),
    stream('/X Do BT /F1 12 Tf 50 700 Td (loop) Tj ET'),
    FONT,
    stream('/Y Do /Y Do /Y Do', '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</Y 7 0 R>>>>'),
    stream('/X Do /X Do /X Do', '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</X 6 0 R>>>>'),
  ]);
/** Twenty levels of forms, each drawing the next ten times. */
export const formFan = () => {
  const form = (next: number) =>
    stream('/N Do '.repeat(10), `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</N ${next} 0 R>>>>`);
  const last = stream('BT /F1 12 Tf (x) Tj ET', '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</Font <</F1 5 0 R>>>>');
  return pdfOf([
    CATALOGUE,
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    onePage('/XObject <</N 6 0 R>>'),
    stream('/N Do'),
    FONT,
    ...[...Array(20).keys()].map((at) => form(at + 7)),
    last,
  ]);
};
export const millionPages = () => {
  const kids = '3 0 R '.repeat(1_000_000);
  return pdfOf([CATALOGUE, `<</Type /Pages /Kids [${kids}] /Count 1000000>>`, onePage(), stream('BT /F1 12 Tf (x) Tj ET'), FONT]);
};
/** It claims a billion pages and has one. */
export const claimedPages = () =>
  pdfOf([CATALOGUE, '<</Type /Pages /Kids [3 0 R] /Count 1000000000>>', onePage(), stream('BT /F1 12 Tf (x) Tj ET'), FONT]);
export const recursiveOutline = () =>
  pdfOf([
    '<</Type /Catalog /Pages 2 0 R /Outlines 6 0 R>>',
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    onePage(),
    stream('BT /F1 12 Tf 50 700 Td (outline) Tj ET'),
    FONT,
    '<</Type /Outlines /First 7 0 R /Last 7 0 R /Count 1>>',
    '<</Title (a) /Parent 6 0 R /Next 7 0 R /First 7 0 R /Last 7 0 R>>',
  ]);
export const hugeImage = () =>
  pdfOf([
    CATALOGUE,
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    onePage('/XObject <</I 6 0 R>>'),
    stream('/I Do'),
    FONT,
    stream(
      deflateSync(Buffer.alloc(2 ** 20)),
      '/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode',
    ),
  ]);
export const deepArrays = () => single(stream(`${'['.repeat(500_000)} BT /F1 12 Tf (deep) Tj ET`));
export const scriptAndAttachment = () =>
  pdfOf([
    '<</Type /Catalog /Pages 2 0 R /OpenAction <</S /JavaScript /JS (while\\(true\\){})>> /Names <</EmbeddedFiles <</Names [(x.exe) 6 0 R]>>>>>>',
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    onePage(),
    stream('BT /F1 12 Tf 50 700 Td (script) Tj ET'),
    FONT,
    '<</Type /Filespec /F (x.exe) /EF <</F 7 0 R>>>>',
    stream('MZ'),
  ]);
/** A page without any text, as a scanner makes it. */
export const scan = async () => {
  const pdf = await PDFDocument.create();
  pdf.addPage().drawRectangle({ x: 10, y: 10, width: 100, height: 100 });
  return Buffer.from(await pdf.save());
};
/** The standard security handler with keys that no empty password opens. */
export const encryptedPdf = () =>
  pdfOf(
    [
      CATALOGUE,
      '<</Type /Pages /Kids [3 0 R] /Count 1>>',
      onePage(),
      stream('0123456789abcdef'),
      FONT,
      `<</Filter /Standard /V 2 /R 3 /Length 128 /P -3904 /O <${'5a'.repeat(32)}> /U <${'a5'.repeat(32)}>>>`,
    ],
    '/Encrypt 6 0 R /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]',
  );
