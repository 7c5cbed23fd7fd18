/** One run of glyphs as pdf.js tells it; points, y upwards. */
export interface TextRun {
  text: string;
  x: number;
  y: number;
  width: number;
  size: number;
}

/** What stands on one baseline. */
export interface PdfLine {
  text: string;
  x: number;
  right: number;
  y: number;
  size: number;
}

/**
 * Runs to lines in the order in which the page draws them, which is the reading order in nearly every file (columns included). A page
 * that jumps upwards more often than columns explain is sorted from top to bottom instead.
 */
export function linesOf(runs: TextRun[]): PdfLine[] {
  const lines: PdfLine[] = [];
  let parts: string[] = [];
  let line: PdfLine | null = null;
  const close = () => {
    if (line !== null) {
      line.text = parts.join('').trim();
      if (line.text !== '') lines.push(line);
    }
    parts = [];
  };
  for (const run of runs) {
    if (line !== null && continues(line, run)) {
      if (run.x - line.right > run.size * 0.15 && !/\s$/.test(parts.at(-1) ?? '') && !/^\s/.test(run.text)) parts.push(' ');
      line.right = Math.max(line.right, run.x + run.width);
    } else {
      close();
      line = { text: '', x: run.x, right: run.x + run.width, y: run.y, size: run.size };
    }
    parts.push(run.text);
    if (run.text.trim() !== '') line.size = Math.max(line.size, run.size);
  }
  close();
  return isChaotic(lines) ? mergeRows([...lines].sort((a, b) => b.y - a.y || a.x - b.x)) : lines;
}

function continues(line: PdfLine, run: TextRun): boolean {
  return Math.abs(run.y - line.y) <= Math.max(line.size, run.size) * 0.4 && run.x >= line.right - run.size;
}

function isChaotic(lines: PdfLine[]): boolean {
  let jumps = 0;
  for (let at = 1; at < lines.length; at++) {
    const before = lines[at - 1];
    const line = lines[at];
    if (before !== undefined && line !== undefined && line.y > before.y + line.size) jumps += 1;
  }
  return jumps > 8 && jumps * 4 > lines.length;
}

function mergeRows(lines: PdfLine[]): PdfLine[] {
  const rows: PdfLine[] = [];
  for (const line of lines) {
    const row = rows.at(-1);
    if (row !== undefined && Math.abs(row.y - line.y) <= line.size * 0.4) {
      row.text += ` ${line.text}`;
      row.right = Math.max(row.right, line.right);
    } else rows.push({ ...line });
  }
  return rows;
}

/** Lines this close to the top or the bottom of a page may be its running head or foot. */
const EDGE_LINES = 2;

/** Without what stands at the same height of most pages and differs at most in its numbers: running heads, feet, page numbers. */
export function withoutRunningLines(pages: PdfLine[][]): PdfLine[][] {
  if (pages.length < 4) return pages;
  const key = (line: PdfLine) => `${Math.round(line.y)} ${line.text.replace(/\d+/g, '#')}`;
  const seen = new Map<string, number>();
  const edges = pages.map((lines) => {
    const byHeight = [...lines].sort((a, b) => b.y - a.y);
    return new Set([...byHeight.slice(0, EDGE_LINES), ...byHeight.slice(-EDGE_LINES)]);
  });
  for (const lines of edges) for (const name of new Set([...lines].map(key))) seen.set(name, (seen.get(name) ?? 0) + 1);
  const isRunning = (line: PdfLine) => (seen.get(key(line)) ?? 0) > pages.length * 0.6;
  return pages.map((lines, at) => lines.filter((line) => !(edges[at]?.has(line) && isRunning(line))));
}

/** The size of most characters; what is clearly larger is a heading. */
export function bodySize(pages: PdfLine[][]): number {
  const characters = new Map<number, number>();
  for (const lines of pages) {
    for (const line of lines) characters.set(rounded(line.size), (characters.get(rounded(line.size)) ?? 0) + line.text.length);
  }
  let body = 0;
  let most = 0;
  for (const [size, count] of characters) {
    if (count > most) [body, most] = [size, count];
  }
  return body;
}

export const rounded = (size: number) => Math.round(size * 2) / 2;

const isHeadingLine = (line: PdfLine, body: number) =>
  rounded(line.size) >= body * 1.15 && line.text.length <= 150 && /\p{L}/u.test(line.text);

/** The level of each size that headings use: the largest is 1; beyond six sizes all are 6. */
export function headingLevels(pages: PdfLine[][], body: number): Map<number, number> {
  const sizes = new Set<number>();
  for (const line of pages.flat()) if (isHeadingLine(line, body)) sizes.add(rounded(line.size));
  return new Map([...sizes].sort((a, b) => b - a).map((size, at) => [size, Math.min(at + 1, 6)]));
}

export function headingLevel(line: PdfLine, body: number, levels: Map<number, number>): number | null {
  return isHeadingLine(line, body) ? (levels.get(rounded(line.size)) ?? null) : null;
}

/** How a line goes on from the one before: the same sentence wrapped, a new line, or a new paragraph. */
export function joint(before: PdfLine, line: PdfLine, columnRight: number): 'wrapped' | 'line' | 'paragraph' {
  const drop = before.y - line.y;
  if (drop <= 0 || drop > Math.max(before.size, line.size) * 1.75) return 'paragraph';
  if (/^\s*([-*•◦▪–]|\d{1,3}[.)])\s/.test(line.text)) return 'line';
  const firstWord = /^\S+/.exec(line.text)?.[0].length ?? 0;
  const firstWordWidth = ((line.right - line.x) * (firstWord + 1)) / Math.max(line.text.length, 1);
  return before.right + firstWordWidth > columnRight - before.size * 0.5 ? 'wrapped' : 'line';
}

/** Joins a wrapped line: a word that was divided at the line's end becomes whole again. */
export function joinWrapped(before: string, next: string): string {
  if (/\p{L}[-\u00ad\u2010]$/u.test(before) && /^\p{Ll}/u.test(next)) return before.slice(0, -1) + next;
  return `${before} ${next}`;
}
