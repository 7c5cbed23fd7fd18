import { defaultTreeAdapter, parse, type DefaultTreeAdapterTypes, type TreeAdapter } from 'parse5';
import { ExtractionFailed } from '../extraction-failed.js';
import { TextBuilder } from './text-builder.js';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

const MAX_NODES = 500_000;
const MAX_DEPTH = 1_000;

const words = (list: string) => new Set(list.split(' '));
const SKIPPED = words(
  'head script style noscript template svg math iframe object embed canvas audio video nav button select textarea dialog',
);
const PARAGRAPHS = words(
  'p ul ol dl table pre blockquote section article main header footer aside figure form fieldset hr address details',
);
const LINES = words('div li dt dd tr caption figcaption summary legend thead tbody tfoot');

/** An HTML page as text: what a reader sees, without menus and controls, in document order. @throws ExtractionFailed `too_complex`. */
export function readHtml(html: string, builder: TextBuilder): void {
  const document = parse(html, { treeAdapter: countingAdapter(), scriptingEnabled: false });
  new HtmlWalk(builder).run(document);
}

/** Stops the parser as soon as a tree is larger or deeper than any page that a person wrote. */
function countingAdapter(): TreeAdapter<DefaultTreeAdapterTypes.DefaultTreeAdapterMap> {
  let nodes = 0;
  let depth = 0;
  const count = () => {
    if (++nodes > MAX_NODES) throw new ExtractionFailed('too_complex', 'The page has too many elements; split it into parts.');
  };
  return {
    ...defaultTreeAdapter,
    createElement: (...args) => (count(), defaultTreeAdapter.createElement(...args)),
    createCommentNode: (...args) => (count(), defaultTreeAdapter.createCommentNode(...args)),
    insertText: (...args) => (count(), defaultTreeAdapter.insertText(...args)),
    insertTextBefore: (...args) => (count(), defaultTreeAdapter.insertTextBefore(...args)),
    onItemPush: () => {
      if (++depth > MAX_DEPTH) throw new ExtractionFailed('too_complex', 'The page is nested too deeply to be read.');
    },
    onItemPop: () => {
      depth -= 1;
    },
  };
}

/** Walks with a stack of its own, so that depth costs no call stack. A null on the stack closes the element below it. */
class HtmlWalk {
  private inline: string[] = [];
  private cells: string[] | null = null;
  private tables = 0;
  private preformatted = 0;
  private headings = 0;
  private readonly lists: (number | null)[] = [];

  constructor(private readonly builder: TextBuilder) {}

  run(document: DefaultTreeAdapterTypes.Document): void {
    const stack: { node: Node; closing: boolean }[] = [{ node: document, closing: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const { node, closing } = top;
      if (closing) this.close(node as Element);
      else if (node.nodeName === '#text') this.text((node as DefaultTreeAdapterTypes.TextNode).value);
      else if ('childNodes' in node) {
        if ('tagName' in node) {
          if (SKIPPED.has(node.tagName) || isHidden(node)) continue;
          this.open(node);
          stack.push({ node, closing: true });
        }
        for (let at = node.childNodes.length - 1; at >= 0; at--) {
          const child = node.childNodes[at];
          if (child !== undefined) stack.push({ node: child, closing: false });
        }
      }
    }
    this.flush();
  }

  private text(value: string): void {
    this.inline.push(this.preformatted > 0 && this.cells === null ? value : value.replace(/[\s\u200b]+/g, ' '));
  }

  private open({ tagName }: Element): void {
    if (tagName === 'table') this.tables += 1;
    if (this.cells !== null) return this.openInRow(tagName);
    if (tagName === 'br') return this.line('line');
    if (PARAGRAPHS.has(tagName) && !(this.lists.length > 0 && /^[uo]l$|^p$/.test(tagName))) this.line('paragraph');
    else if (LINES.has(tagName) || PARAGRAPHS.has(tagName)) this.line('line');
    if (tagName === 'ul' || tagName === 'ol') this.lists.push(tagName === 'ol' ? 0 : null);
    if (tagName === 'li') this.inline.push(this.marker());
    if (tagName === 'pre') this.preformatted += 1;
    if (tagName === 'tr') this.cells = [];
    if (/^h[1-6]$/.test(tagName)) {
      this.line('paragraph');
      this.headings += 1;
    }
    return undefined;
  }

  /** Within a row everything stays on one line: a nested table or list reads as words of its cell. */
  private openInRow(tagName: string): void {
    if ((tagName === 'td' || tagName === 'th') && this.tables === 1) this.inline = [];
    else if (tagName === 'br' || PARAGRAPHS.has(tagName) || LINES.has(tagName) || /^h[1-6]$|^t[dh]$/.test(tagName)) this.inline.push(' ');
  }

  private close({ tagName }: Element): void {
    if (tagName === 'table') this.tables -= 1;
    if (this.cells !== null) return this.closeInRow(tagName);
    if (/^h[1-6]$/.test(tagName)) {
      this.headings -= 1;
      this.builder.heading(Number(tagName[1]), this.take());
    } else if (tagName === 'pre') {
      this.flush();
      this.preformatted -= 1;
    }
    if (tagName === 'ul' || tagName === 'ol') {
      this.flush();
      this.lists.pop();
    }
    if (PARAGRAPHS.has(tagName) && !(this.lists.length > 0 && /^[uo]l$|^p$/.test(tagName))) this.line('paragraph');
    else if (LINES.has(tagName) || PARAGRAPHS.has(tagName)) this.line('line');
    return undefined;
  }

  private closeInRow(tagName: string): void {
    if ((tagName === 'td' || tagName === 'th') && this.tables === 1) this.cells?.push(this.take().replace(/\s+/g, ' ').trim());
    else if (tagName === 'tr' && this.tables <= 1) {
      const row = this.cells ?? [];
      this.cells = null;
      this.inline = [];
      if (row.some((cell) => cell !== '')) this.builder.append(row.join(' | '));
      this.builder.break('line');
    } else if (PARAGRAPHS.has(tagName) || LINES.has(tagName)) this.inline.push(' ');
  }

  private marker(): string {
    const level = this.lists.length - 1;
    const last = this.lists[level];
    if (last === undefined || last === null) return `${'  '.repeat(Math.min(Math.max(level, 0), 8))}- `;
    this.lists[level] = last + 1;
    return `${'  '.repeat(Math.min(level, 8))}${last + 1}. `;
  }

  /** Ends the line that is being collected. A heading is one line whatever stands in it. */
  private line(kind: 'line' | 'paragraph'): void {
    if (this.headings > 0) this.inline.push(' ');
    else {
      this.flush();
      this.builder.break(kind);
    }
  }

  private flush(): void {
    const text = this.take();
    if (text.trim() === '' || /^\s*-\s*$/.test(text)) {
      if (text.trim() !== '') this.inline = [text];
      return;
    }
    this.builder.append(
      this.preformatted > 0
        ? text
        : text.replace(/ {2,}/g, (run, at: number) => (at === 0 && this.lists.length > 0 ? run : ' ')).replace(/^ (?! )/, ''),
    );
  }

  private take(): string {
    const text = this.inline.join('');
    this.inline = [];
    return text;
  }
}

function isHidden(element: Element): boolean {
  return element.attrs.some(
    ({ name, value }) => name === 'hidden' || (name === 'style' && /display\s*:\s*none/i.test(value.slice(0, 1_000))),
  );
}
