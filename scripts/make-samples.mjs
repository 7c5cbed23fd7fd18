// Makes samples/*.pdf and *.docx from samples/source/*.md. The same sources give the same bytes.
import { readFileSync, writeFileSync } from 'node:fs';
import {
  AlignmentType,
  Document,
  HeadingLevel,
  LevelFormat,
  Packer,
  Paragraph,
  Table,
  TableCell,
  TableRow,
  TextRun,
  WidthType,
} from 'docx';
import { PDFDocument, StandardFonts } from 'pdf-lib';

const samples = new URL('../samples/', import.meta.url);
const NOW = Date.parse('2026-01-01T00:00:00Z');

// Zip archives hold local time.
process.env.TZ = 'UTC';

/** The Word library writes the time of day into the archive and the properties; here it is always the same. */
globalThis.Date = class extends Date {
  constructor(...args) {
    super(...(args.length === 0 ? [NOW] : args));
  }
  static now() {
    return NOW;
  }
};

/** The little Markdown that the sources use: headings, paragraphs of one line, lists, tables. */
function blocksOf(file) {
  const blocks = [];
  for (const line of readFileSync(new URL(`source/${file}`, samples), 'utf8').split('\n')) {
    const heading = /^(#+) (.*)$/.exec(line);
    if (heading) blocks.push({ kind: 'heading', level: heading[1].length, text: heading[2] });
    else if (line.startsWith('| ---')) continue;
    else if (line.startsWith('| ')) {
      const row = line.slice(2, -2).split(' | ');
      if (blocks.at(-1)?.kind === 'table') blocks.at(-1).rows.push(row);
      else blocks.push({ kind: 'table', rows: [row] });
    } else if (line.startsWith('- ')) blocks.push({ kind: 'bullet', text: line.slice(2) });
    else if (/^\d+\. /.test(line)) blocks.push({ kind: 'number', text: line.replace(/^\d+\. /, '') });
    else if (line.trim() !== '') blocks.push({ kind: 'paragraph', text: line });
    else if (blocks.at(-1)?.kind === 'table') blocks.push({ kind: 'gap' });
  }
  return blocks;
}

const SIZE = { 1: 24, 2: 17, 3: 13, body: 10.5, footer: 8 };
const PAGE = { width: 595, height: 842, margin: 72 };

/** One chapter a page; ragged right, as word processors set it. Helvetica's encoding lacks the Polish n with acute. */
async function makePdf(source, target) {
  const pdf = await PDFDocument.create({ updateMetadata: false });
  pdf.setTitle('Northwind Handbook');
  pdf.setCreationDate(new Date());
  pdf.setModificationDate(new Date());
  const regular = await pdf.embedFont(StandardFonts.Helvetica);
  const bold = await pdf.embedFont(StandardFonts.HelveticaBold);
  let page = null;
  let y = 0;
  const newPage = () => {
    page = pdf.addPage([PAGE.width, PAGE.height]);
    y = PAGE.height - PAGE.margin;
    page.drawText(`Northwind Handbook, edition 7 - page ${pdf.getPageCount()}`, {
      x: PAGE.margin,
      y: 36,
      size: SIZE.footer,
      font: regular,
    });
  };
  const write = (text, font, size, before) => {
    y -= before;
    for (const line of wrap(text.replaceAll('ń', 'n'), font, size)) {
      y -= size * 1.35;
      if (y < PAGE.margin) throw new Error(`chapter too long for its page: ${text.slice(0, 40)}`);
      page.drawText(line, { x: PAGE.margin, y, size, font });
    }
  };
  for (const block of blocksOf(source)) {
    if (block.kind === 'heading') {
      if (page === null || (block.level === 2 && !block.text.startsWith('1. '))) newPage();
      write(block.text, bold, SIZE[block.level], 12);
    } else write(block.text, regular, SIZE.body, 7);
  }
  writeFileSync(new URL(target, samples), await pdf.save({ useObjectStreams: true }));
}

function wrap(text, font, size) {
  const lines = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (font.widthOfTextAtSize(longer, size) <= PAGE.width - 2 * PAGE.margin) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

const HEADINGS = [HeadingLevel.HEADING_1, HeadingLevel.HEADING_2, HeadingLevel.HEADING_3];

async function makeDocx(source, target) {
  const levels = [{ level: 0, format: LevelFormat.DECIMAL, text: '%1.', alignment: AlignmentType.LEFT }];
  const document = new Document({
    creator: 'Northwind Instruments',
    title: 'Service Level Agreement',
    numbering: { config: [{ reference: 'steps', levels }] },
    sections: [{ children: blocksOf(source).map(wordBlock) }],
  });
  writeFileSync(new URL(target, samples), await Packer.toBuffer(document));
}

function wordBlock(block) {
  switch (block.kind) {
    case 'heading':
      return new Paragraph({ text: block.text, heading: HEADINGS[block.level - 1] });
    case 'table':
      return wordTable(block.rows);
    case 'bullet':
      return new Paragraph({ text: block.text, bullet: { level: 0 } });
    case 'number':
      return new Paragraph({ text: block.text, numbering: { reference: 'steps', level: 0 } });
    default:
      return new Paragraph({ text: block.text ?? '' });
  }
}

function wordTable(rows) {
  const cell = (text, isHead) => new TableCell({ children: [new Paragraph({ children: [new TextRun({ text, bold: isHead })] })] });
  return new Table({
    width: { size: 100, type: WidthType.PERCENTAGE },
    rows: rows.map((row, at) => new TableRow({ tableHeader: at === 0, children: row.map((text) => cell(text, at === 0)) })),
  });
}

await makePdf('northwind-handbook.md', 'northwind-handbook.pdf');
await makeDocx('service-level-agreement.md', 'service-level-agreement.docx');
