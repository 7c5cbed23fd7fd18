import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { type Access, AddVersion, CreateDocument, type Document, type DocumentId, UploadFields, VersionFields } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Invalid } from '@atrium/platform/errors';
import { type BlobKey, BLOBS, type BlobStore } from '@atrium/platform/storage';
import type { OrgContext } from '@atrium/platform/tenancy';
import { DocumentBlobs, newKey } from './document-blobs.js';
import { DocumentsService, type StoredFile } from './documents.service.js';
import { cleanFileName, cleanMediaType } from './file-name.js';
import { fitting, type IncomingFile, readForm } from './upload-form.js';

const DEFAULT_ACCESS: Access = { level: 'organization', grants: [] };
const EXTENSIONS = { 'text/plain': '.txt', 'text/markdown': '.md', 'text/html': '.html' } as const;

/** Takes files in: stores them first, then lets a command name them, and leaves nothing behind when it does not. */
@Injectable()
export class UploadsService {
  constructor(
    @Inject(BLOBS) private readonly blobs: BlobStore,
    @Inject(CONFIG) private readonly config: Config,
    private readonly files: DocumentBlobs,
    private readonly documents: DocumentsService,
  ) {}

  /**
   * A document from a multipart form (`file`, UploadFields) or from JSON (CreateDocument).
   * @throws Invalid `documents.empty`, `documents.too_large`, and what `readForm` and `DocumentsService.create` throw.
   */
  create(ctx: OrgContext, request: FastifyRequest): Promise<Document> {
    const id = uuidv7() as DocumentId;
    return this.storing(ctx, id, async (key) => {
      if (request.isMultipart()) {
        const { stored: file, fields } = await this.receive(request, key);
        const { title = file.fileName, metadata = {}, access = DEFAULT_ACCESS } = fitting(UploadFields, fields);
        return this.once(ctx, ['create', fields, file], (bound) =>
          this.documents.create(bound, id, file, { title: title.normalize('NFC'), metadata, access }),
        );
      }
      const { title, text, mediaType, metadata = {}, access = DEFAULT_ACCESS } = fitting(CreateDocument, request.body);
      const file = await this.keepText(key, { title, text, mediaType });
      return this.once(ctx, ['create', { title, metadata, access }, file], (bound) =>
        this.documents.create(bound, id, file, { title: title.normalize('NFC'), metadata, access }),
      );
    });
  }

  /**
   * The next version of a document, in the same two forms (VersionFields, AddVersion).
   * @throws the same, and what `DocumentsService.addVersion` throws.
   */
  async addVersion(ctx: OrgContext, id: DocumentId, request: FastifyRequest): Promise<Document> {
    await this.documents.assertChangeable(ctx, id);
    return this.storing(ctx, id, async (key) => {
      if (request.isMultipart()) {
        const { stored: file, fields } = await this.receive(request, key);
        const replaced = fitting(VersionFields, fields);
        return this.once(ctx, [id, fields, file], (bound) => this.documents.addVersion(bound, id, file, given(replaced)));
      }
      const { text, mediaType, ...replaced } = fitting(AddVersion, request.body);
      const file = await this.keepText(key, { title: replaced.title ?? 'text', text, mediaType });
      return this.once(ctx, [id, replaced, file], (bound) => this.documents.addVersion(bound, id, file, given(replaced)));
    });
  }

  /** Whatever happens, the file of this key stays only when a version names it. */
  private async storing(ctx: OrgContext, id: DocumentId, take: (key: BlobKey) => Promise<Document>): Promise<Document> {
    const key = newKey(ctx, id);
    let isNamed = false;
    try {
      const document = await take(key);
      isNamed = !ctx.idempotency?.replayed;
      return document;
    } finally {
      if (!isNamed) await this.files.discardUnlessNamed(ctx, id, key);
    }
  }

  private receive(request: FastifyRequest, key: BlobKey) {
    return readForm(request, this.config.MAX_UPLOAD_BYTES, (file) => this.keep(key, file));
  }

  private async keep(key: BlobKey, { source, fileName, mediaType }: IncomingFile): Promise<StoredFile> {
    const stored = await this.blobs.put(key, source, { maxBytes: this.config.MAX_UPLOAD_BYTES });
    if (stored.sizeBytes === 0) throw new Invalid('documents.empty', 'The file is empty.');
    return { blobKey: key, ...stored, fileName: cleanFileName(fileName), claimedMediaType: cleanMediaType(mediaType) };
  }

  private keepText(key: BlobKey, { title, text, mediaType }: { title: string; text: string; mediaType: keyof typeof EXTENSIONS }) {
    const fileName = `${title}${title.toLowerCase().endsWith(EXTENSIONS[mediaType]) ? '' : EXTENSIONS[mediaType]}`;
    return this.keep(key, { source: Readable.from([Buffer.from(text)]), fileName, mediaType });
  }

  /** Binds an Idempotency-Key to what was sent, not to the bytes of the form, whose boundaries differ each time. */
  private once(ctx: OrgContext, [what, fields, file]: [string, object, StoredFile], command: (bound: OrgContext) => Promise<Document>) {
    const claim = ctx.idempotency;
    if (!claim) return command(ctx);
    const sent = JSON.stringify([what, Object.entries(fields).sort(), file.fileName, file.claimedMediaType, file.sha256]);
    // The request's own claim sees what becomes of this one.
    const bound = Object.create(claim, { requestHash: { value: createHash('sha256').update(sent).digest('hex') } }) as typeof claim;
    for (const name of ['claimed', 'replayed'] as const) {
      Object.defineProperty(bound, name, {
        get: () => claim[name],
        set: (value: boolean) => {
          claim[name] = value;
        },
      });
    }
    return command(Object.freeze({ ...ctx, idempotency: bound }));
  }
}

/** Only what was given: an absent field leaves the document's own. */
function given({ title, metadata }: Pick<AddVersion, 'title' | 'metadata'>) {
  return { ...(title === undefined ? {} : { title: title.normalize('NFC') }), ...(metadata === undefined ? {} : { metadata }) };
}
