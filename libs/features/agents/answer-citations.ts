import type { Citation, DocumentSource } from '@atrium/contracts';
import type { Passage, ReferenceResolvers } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Claim } from './citation-parser.js';
import { exactQuote } from './quote.js';

/**
 * The citations of one answer. Only quotes that stand in their source are kept; a marker whose quote does not, goes from the text. A bare
 * marker stays when an earlier quote of the same passage was true.
 */
export class AnswerCitations {
  readonly all: Citation[] = [];
  private readonly marks = new Map<string, string>();
  private readonly found = new Map<Passage, string>();

  constructor(
    private readonly resolvers: ReferenceResolvers,
    private readonly ctx: OrgContext,
    private readonly passages: readonly Passage[],
  ) {}

  /** The passages of which something was quoted. */
  get cited(): Passage[] {
    return [...this.found.keys()];
  }

  /** Whether anything that was said is backed by an exact quote. */
  get backed(): boolean {
    return this.found.size > 0;
  }

  /** What stands in the text for a marker: `[1]` of a document, `(#channel)` of a message, `(memory: …)` of a memory, nothing for what is not true. */
  async mark(claims: readonly Claim[]): Promise<string> {
    const marks: string[] = [];
    for (const { passage, quote } of claims) {
      const named = this.passages[passage - 1];
      const mark = quote === null ? named && this.found.get(named) : await this.markOf(quote, named);
      if (mark && !marks.includes(mark)) marks.push(mark);
    }
    return marks.join(' ');
  }

  /** The mark of a quote, looked for in the passage that was named and then in the others that were shown. */
  async markOf(quote: string, named: Passage | undefined): Promise<string | null> {
    const inOrder = named ? [named, ...this.passages.filter((passage) => passage !== named)] : this.passages;
    for (const passage of inOrder) {
      const exact = exactQuote(passage.body, quote);
      const mark = exact === null ? null : await this.cite(passage, exact);
      if (mark === null) continue;
      this.found.set(passage, mark);
      return mark;
    }
    return null;
  }

  private async cite(passage: Passage, exact: string): Promise<string | null> {
    if (passage.kind === 'message') return placeMark(passage);
    if (passage.kind === 'memory') {
      const reference = { memoryId: passage.subjectId };
      return (await this.resolvers.locate(this.ctx, 'memory', reference, exact)) && placeMark(passage);
    }
    const place = await this.resolvers.locate(this.ctx, passage.kind, passage.source, exact);
    if (!place) return null;
    const { documentId, version, chunkId } = passage.source as DocumentSource;
    const key = `${documentId}:${version}:${place.start}:${place.end}`;
    const before = this.marks.get(key);
    if (before) return before;
    this.all.push({ documentId, version, chunkId, ...place, verified: true });
    const mark = `[${this.all.length}]`;
    this.marks.set(key, mark);
    return mark;
  }
}

/** Where a message or memory stands; they are no documents, so their place is told in the text. */
export function placeMark(passage: Pick<Passage, 'kind' | 'title'>): string {
  const title = passage.title.replace(/\s+/g, ' ').trim();
  if (passage.kind === 'memory') return title ? `(memory: ${title})` : '(a memory)';
  const name = title.replace(/^#/, '');
  return name ? `(#${name})` : '(a message in this workspace)';
}
