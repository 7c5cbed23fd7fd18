import { z } from 'zod';
import { Access, AccessInput } from './access.js';
import { Metadata, page, PageQuery, Time } from './common.js';
import { titled } from './name.js';
import { ChunkId, DocumentId, UserId } from './ids.js';

export const DocumentStatus = z.enum(['processing', 'ready', 'failed']);
export type DocumentStatus = z.infer<typeof DocumentStatus>;

export const Document = z
  .strictObject({
    id: DocumentId,
    title: z.string(),
    ownerId: UserId,
    folderId: z.null(),
    status: DocumentStatus,
    failure: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    version: z.int(),
    mediaType: z.string(),
    sizeBytes: z.int(),
    metadata: Metadata,
    access: Access,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Document' });
export type Document = z.infer<typeof Document>;
export const DocumentPage = page(Document).meta({ id: 'DocumentPage' });
export type DocumentPage = z.infer<typeof DocumentPage>;

const Title = titled(300);
/** Metadata as a request may give it: without NUL and lone surrogates, which the database cannot keep. */
export const GivenMetadata = Metadata.refine(
  (value) => faultOf(value) === null,
  'must not contain NUL or broken Unicode, nor be nested deeper than 32 levels',
);

/** Looks level by level: deeply nested JSON must not exhaust the stack. */
function faultOf(value: unknown): string | null {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > 32) return 'must not be nested deeper than 32 levels';
    if (level.some((one) => typeof one === 'string' && !isStorable(one))) return 'must not contain NUL or broken Unicode';
    const objects = level.filter((one) => typeof one === 'object' && one !== null);
    level = objects.flatMap((one) => (Array.isArray(one) ? (one as unknown[]) : Object.entries(one).flat()));
  }
  return null;
}
const isStorable = (value: string) => !/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value);

/** Raw text as a document; `mediaType` is text/plain (default), text/markdown or text/html. */
export const CreateDocument = z
  .strictObject({
    title: Title,
    text: z.string().min(1).max(900_000),
    mediaType: z.enum(['text/plain', 'text/markdown', 'text/html']).default('text/plain'),
    metadata: GivenMetadata.optional(),
    folderId: z.null().optional(),
    access: AccessInput.optional(),
  })
  .meta({
    id: 'CreateDocument',
    examples: [{ title: 'Leave', text: '# Leave\n\nEverybody has 27 days.', mediaType: 'text/markdown', access: 'organization' }],
  });
export type CreateDocument = z.infer<typeof CreateDocument>;
/** The fields beside `file` in a multipart upload; `title` defaults to the file's name, `access` (a level, or JSON of AccessInput) to organization. */
export const UploadFields = z.strictObject({
  title: Title.optional(),
  metadata: z
    .string()
    .max(20_000)
    .transform((value, ctx) => {
      try {
        const parsed = JSON.parse(value) as unknown;
        if (faultOf(parsed) === null) return parsed;
      } catch {
        // the same answer as for a fault
      }
      ctx.addIssue({ code: 'custom', message: 'must be JSON of at most 32 levels, without NUL and broken Unicode' });
      return z.NEVER;
    })
    .pipe(GivenMetadata)
    .optional(),
  access: z
    .string()
    .max(10_000)
    .describe('A level, or JSON of a level and grants as in a JSON body.')
    .transform((value, ctx): unknown => {
      if (!value.startsWith('{')) return value;
      try {
        return JSON.parse(value);
      } catch {
        ctx.addIssue({ code: 'custom', message: 'must be a level, or JSON with a level and grants' });
        return z.NEVER;
      }
    })
    .pipe(AccessInput)
    .optional(),
});
export type UploadFields = z.infer<typeof UploadFields>;
/** Raw text as the next version of a document; `title` and `metadata`, when given, replace those of the document. */
export const AddVersion = z
  .strictObject({
    title: Title.optional(),
    text: z.string().min(1).max(900_000),
    mediaType: z.enum(['text/plain', 'text/markdown', 'text/html']).default('text/plain'),
    metadata: GivenMetadata.optional(),
  })
  .meta({ id: 'AddVersion' });
export type AddVersion = z.infer<typeof AddVersion>;
/** The fields beside `file` in the upload of a version. */
export const VersionFields = UploadFields.omit({ access: true });
export type VersionFields = z.infer<typeof VersionFields>;
export const PatchDocument = z
  .strictObject({ title: Title.optional(), metadata: GivenMetadata.optional(), access: AccessInput.optional() })
  .meta({ id: 'PatchDocument' });
export type PatchDocument = z.infer<typeof PatchDocument>;

const VersionNumber = z.coerce.number().int().min(1).max(2_147_483_647);

export const DocumentsQuery = z.strictObject({ ...PageQuery.shape, status: DocumentStatus.optional() });
export type DocumentsQuery = z.infer<typeof DocumentsQuery>;

export const DocumentVersion = z
  .strictObject({
    number: z.int(),
    fileName: z.string(),
    mediaType: z.string(),
    sizeBytes: z.int(),
    sha256: z.string(),
    createdBy: UserId,
    createdAt: Time,
  })
  .meta({ id: 'DocumentVersion' });
export type DocumentVersion = z.infer<typeof DocumentVersion>;
export const DocumentVersionPage = page(DocumentVersion).meta({ id: 'DocumentVersionPage' });
export type DocumentVersionPage = z.infer<typeof DocumentVersionPage>;

/** The one normalized text of a version: every offset counts its UTF-16 code units. */
export const DocumentText = z
  .strictObject({
    documentId: DocumentId,
    version: z.int(),
    text: z.string(),
    headings: z.array(z.strictObject({ level: z.int(), title: z.string(), start: z.int() })),
    pages: z.array(z.strictObject({ number: z.int(), start: z.int() })),
  })
  .meta({ id: 'DocumentText' });
export type DocumentText = z.infer<typeof DocumentText>;
export const VersionQuery = z.strictObject({ version: VersionNumber.optional() });
export type VersionQuery = z.infer<typeof VersionQuery>;

export const DocumentChunk = z
  .strictObject({
    id: ChunkId,
    version: z.int(),
    ordinal: z.int(),
    start: z.int(),
    end: z.int(),
    headingPath: z.array(z.string()),
    page: z.int().nullable(),
    text: z.string(),
  })
  .meta({ id: 'DocumentChunk' });
export type DocumentChunk = z.infer<typeof DocumentChunk>;
export const DocumentChunkPage = page(DocumentChunk).meta({ id: 'DocumentChunkPage' });
export type DocumentChunkPage = z.infer<typeof DocumentChunkPage>;
export const ChunksQuery = z.strictObject({ ...PageQuery.shape, version: VersionNumber.optional() });
export type ChunksQuery = z.infer<typeof ChunksQuery>;
