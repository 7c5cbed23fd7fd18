import { MAX_HEADINGS, MAX_TITLE_LENGTH, type Heading } from '../extraction.js';
import { headingTitle } from './text-builder.js';

/**
 * The headings of a Markdown text by CommonMark's rules for ATX and setext headings at the outer level: not in fenced or indented code,
 * front matter or HTML comments. Line by line, because parsers of the whole language take quadratic time on nested brackets and quotes.
 */
export function markdownHeadings(text: string): Heading[] {
  const headings: Heading[] = [];
  let fence: { mark: string; length: number } | null = null;
  let inComment = false;
  let paragraph: { start: number; line: string } | null = null;
  let at = endOfFrontMatter(text);
  while (at < text.length && headings.length < MAX_HEADINGS) {
    const end = text.indexOf('\n', at) === -1 ? text.length : text.indexOf('\n', at);
    const line = text.slice(at, Math.min(end, at + 10 * MAX_TITLE_LENGTH));
    const start = at;
    at = end + 1;

    if (fence !== null) {
      if (closesFence(line, fence)) fence = null;
      continue;
    }
    if (inComment || /^ {0,3}<!--/.test(line)) {
      inComment = !line.includes('-->');
      paragraph = null;
      continue;
    }
    const opening = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
    const mark = opening?.[1];
    if (mark !== undefined && !(mark[0] === '`' && opening?.[2]?.includes('`'))) {
      fence = { mark: mark[0] ?? '`', length: mark.length };
      paragraph = null;
      continue;
    }
    const atx = /^ {0,3}(#{1,6})(?:[ \t]|$)/.exec(line);
    const underline = /^ {0,3}(=+|-+)[ \t]*$/.exec(line);
    if (atx?.[1] !== undefined) {
      add(
        headings,
        atx[1].length,
        line
          .slice(atx[0].length)
          .trim()
          .replace(/(^|[ \t])#+$/, ''),
        start + line.indexOf('#'),
      );
      paragraph = null;
    } else if (underline?.[1] !== undefined && paragraph !== null) {
      add(headings, underline[1].startsWith('=') ? 1 : 2, paragraph.line, paragraph.start);
      paragraph = null;
    } else if (startsOtherBlock(line) || (paragraph === null && /^( {4}|\t)/.test(line))) paragraph = null;
    // A setext heading may span lines; as a title only its first counts.
    else paragraph ??= { start, line };
  }
  return headings;
}

function add(headings: Heading[], level: number, source: string, start: number): void {
  const title = plainTitle(source);
  if (title !== '') headings.push({ level, title, start });
}

/** A title without the marks of emphasis, code and links. */
function plainTitle(source: string): string {
  const plain = source
    .slice(0, 10 * MAX_TITLE_LENGTH)
    .replace(/!?\[([^[\]]*)\]\([^()]*\)/g, '$1')
    .replace(/(\*\*|__|`+)(\S(?:[^*_`]*\S)?)\1/g, '$2')
    .replace(/([*_])(\S[^*_]*)\1/g, '$2')
    .replace(/\\([!-/:-@[-`{-~])/g, '$1');
  return headingTitle(plain).slice(0, MAX_TITLE_LENGTH);
}

const closesFence = (line: string, fence: { mark: string; length: number }) => {
  const run = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line)?.[1];
  return run !== undefined && run[0] === fence.mark && run.length >= fence.length;
};

const startsOtherBlock = (line: string) =>
  line.trim() === '' || /^ {0,3}(>|[-+*][ \t]|\d{1,9}[.)][ \t]|\||(?:[-*_][ \t]*){3,}$)/.test(line);

/** YAML front matter would read as a setext heading. */
function endOfFrontMatter(text: string): number {
  if (!text.startsWith('---\n')) return 0;
  const end = text.indexOf('\n---\n', 3);
  return end === -1 || end > 64 * 1024 ? 0 : end + 5;
}
