import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { DocumentId, DocumentPage, DocumentSource, DocumentsQuery, SearchQueryText } from '@atrium/contracts';
import { ReaderGrants, Retrieval } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { DocumentsQueries } from './documents.queries.js';

/** How much text one reading gives at the most. UTF-16 code units. */
const MAX_READ = 20_000;

const SearchInput = z.strictObject({
  query: SearchQueryText.describe('What to look for: words, or a question.'),
  documentId: DocumentId.optional().describe('Only in this document.'),
  limit: z.int().min(1).max(50).default(10),
});
const SearchOutput = z.strictObject({
  passages: z.array(
    z.strictObject({ title: z.string(), text: z.string(), score: z.number(), source: DocumentSource.describe('Where it stands.') }),
  ),
});
const ReadInput = z.strictObject({
  documentId: DocumentId,
  version: z.int().min(1).max(2_147_483_647).optional().describe('Default: the newest that is ready.'),
  offset: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('Where to begin, in UTF-16 code units.'),
  limit: z.int().min(1).max(MAX_READ).default(MAX_READ).describe('The most code units to give.'),
});
const ReadOutput = z.strictObject({
  documentId: DocumentId,
  title: z.string(),
  version: z.int(),
  text: z.string(),
  offset: z.int(),
  /** Where to go on reading; null at the end. */
  nextOffset: z.int().nullable(),
  totalLength: z.int(),
});
type ReadInput = z.output<typeof ReadInput>;

/** Documents for agents, MCP clients and workflow steps. */
@Injectable()
export class DocumentTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly documents: DocumentsQueries,
    private readonly grants: ReaderGrants,
    private readonly retrieval: Retrieval,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'document_list',
      description: 'Lists the documents that the caller may read, newest first, with title, status and version. Go on with nextCursor.',
      input: z.strictObject({ ...DocumentsQuery.shape, limit: z.int().min(1).max(200).default(50) }),
      output: DocumentPage,
      permission: 'documents:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, input) => this.documents.list(ctx, input),
    });
    this.registry.register({
      name: 'document_search',
      description:
        'Finds the passages of documents that answer a question or hold its words, best first. Each comes with its exact place: use document_read with that documentId and offset to read around it.',
      input: SearchInput,
      output: SearchOutput,
      permission: 'documents:read',
      effects: ['reads_private', 'reads_untrusted'],
      sourcesOf: ({ passages }) => passages.map(({ source: { documentId } }) => ({ kind: 'document', subjectId: documentId, grants: [] })),
      run: (ctx, input) => this.search(ctx, input),
    });
    this.registry.register({
      name: 'document_read',
      description: `Reads the text of a document, at most ${MAX_READ} characters at once. Go on at nextOffset until it is null.`,
      input: ReadInput,
      output: ReadOutput,
      permission: 'documents:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, input) => this.read(ctx, input),
    });
  }

  private async search(ctx: OrgContext, { query, documentId, limit }: z.output<typeof SearchInput>): Promise<z.input<typeof SearchOutput>> {
    const filters = documentId ? { filters: { documentId } } : {};
    const passages = await this.retrieval.search(ctx, await this.grants.of(ctx), { query, kinds: ['document'], limit, ...filters });
    return {
      passages: passages.map(({ title, body, score, source }) => ({
        title,
        text: body,
        score,
        source: source as z.input<typeof DocumentSource>,
      })),
    };
  }

  /** A cut never falls into the middle of a character. */
  private async read(ctx: OrgContext, { documentId, version, offset, limit }: ReadInput): Promise<z.input<typeof ReadOutput>> {
    const { title } = await this.documents.get(ctx, documentId);
    const { text, version: number } = await this.documents.text(ctx, documentId, version);
    const from = Math.min(offset, text.length);
    const splits = /[\ud800-\udbff]/.test(text[from + limit - 1] ?? '') && limit > 1;
    const to = Math.min(from + limit - (splits ? 1 : 0), text.length);
    return {
      documentId,
      title,
      version: number,
      text: text.slice(from, to),
      offset: from,
      nextOffset: to < text.length ? to : null,
      totalLength: text.length,
    };
  }
}
