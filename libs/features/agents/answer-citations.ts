import type { Citation, DocumentSource, MemoryId, MemorySource, MessageId, MessageSource } from '@atrium/contracts';
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
  private readonly numbers = new Map<string, number>();
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

  /** What stands in the text for a marker: `[1]`, with `(#channel)` behind it of a message, `(memory: …)` of a memory; nothing for what is not true. */
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
    const citation = await this.citationOf(passage, exact);
    if (!citation) return null;
    const key = placeOf(citation);
    const number = this.numbers.get(key) ?? this.all.push(citation);
    this.numbers.set(key, number);
    return [`[${number}]`, nameOf(passage)].join(' ').trim();
  }

  /** Null when the source does not say so any more. A message was read just now. */
  private async citationOf(passage: Passage, quote: string): Promise<Citation | null> {
    const { kind, title, subjectId } = passage;
    if (kind === 'message') {
      const { channelId, threadId } = passage.source as MessageSource;
      return { kind, messageId: subjectId as MessageId, channelId, threadId, title, quote, verified: true };
    }
    if (kind === 'memory') {
      const { namespaceId } = passage.source as MemorySource;
      const place = await this.resolvers.locate(this.ctx, kind, { memoryId: subjectId }, quote);
      return place && { kind, memoryId: subjectId as MemoryId, namespaceId, title, quote, verified: true };
    }
    const place = await this.resolvers.locate(this.ctx, kind, passage.source, quote);
    const { documentId, version, chunkId } = passage.source as DocumentSource;
    return place && { kind: 'document', documentId, version, chunkId, ...place, verified: true };
  }
}

/** Chunks overlap: the same place of a document is cited once. */
function placeOf(citation: Citation): string {
  if (citation.kind === 'document') return `${citation.documentId}:${citation.version}:${citation.start}:${citation.end}`;
  return `${citation.kind === 'message' ? citation.messageId : citation.memoryId}:${citation.quote}`;
}

/** Where a message or memory stands, told in the text; a document is named by its citation. */
function nameOf({ kind, title: given }: Pick<Passage, 'kind' | 'title'>): string {
  const title = given.replace(/\s+/g, ' ').trim();
  if (kind === 'document') return '';
  if (kind === 'memory') return title ? `(memory: ${title})` : '(a memory)';
  const name = title.replace(/^#/, '');
  return name ? `(#${name})` : '(a message in this workspace)';
}
