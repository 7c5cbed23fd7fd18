import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Document, DocumentId, DocumentPage } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { SearchIndex } from '@atrium/platform/search';
import { BLOBS, blobKey, type LocalBlobStore } from '@atrium/platform/storage';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { Api, eventually, newOrganization, type Person } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { DocumentBlobs, newKey } from './document-blobs.js';
import { DocumentQuotes } from './document-quotes.js';
import { DocumentsService } from './documents.service.js';
import { IngestionService } from './ingestion.service.js';

const MAX_BYTES = 65_536;
/** Of a process that does not end. */
const STAYS = new AbortController().signal;
let app: NestFastifyApplication;
let close: () => Promise<void>;
let blobs: LocalBlobStore;

beforeAll(async () => {
  ({ app, close } = await openTestApp({ MAX_UPLOAD_BYTES: String(MAX_BYTES) }));
  await app.listen(0, '127.0.0.1');
  blobs = app.get<LocalBlobStore>(BLOBS);
});
afterAll(() => close());

const baseUrl = () => `http://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}`;
const ctxOf = ({ organization, user }: Person): OrgContext => ({
  ...systemContext(organization.id, 'test'),
  principal: { kind: 'user', id: user.id, role: 'owner', onBehalfOf: null },
});
const write = (owner: Person, text: string) => owner.api.post<Document>('/v1/documents', { title: 'A title', text });
const ended = (owner: Person, id: string) =>
  eventually(
    'the ingestion ends',
    async () => {
      const document = await owner.api.get<Document>(`/v1/documents/${id}`);
      return document.status !== 'processing' && document;
    },
    30_000,
  );
async function keysOf(owner: Person): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of blobs.list(owner.organization.id)) keys.push(key);
  return keys;
}
/** What a document has: chunk ids, unit ids, types of its events. */
const traces = (owner: Person, id: string) =>
  app.get(Db).readInOrg(ctxOf(owner), async (tx) => {
    const chunks = await tx.documentChunk.findMany({ where: { documentId: id }, orderBy: { id: 'asc' }, select: { id: true } });
    const units = await tx.searchUnit.findMany({ where: { subjectId: id }, orderBy: { id: 'asc' }, select: { id: true } });
    const events = await tx.event.findMany({ where: { subjectId: id }, orderBy: { seq: 'asc' }, select: { type: true } });
    return { chunks: chunks.map((row) => row.id), units: units.map((row) => row.id), events: events.map((row) => row.type) };
  });

const veils = (owner: Person) => app.get(Db).readInOrg(ctxOf(owner), (tx) => tx.searchVeil.count());
const settled = (owner: Person) => eventually('nothing is veiled', async () => (await veils(owner)) === 0, 60_000);

describe('the limit of an upload', () => {
  const form = (bytes: number) => {
    const data = new FormData();
    data.append('file', new Blob([Buffer.alloc(bytes, 'a ')]), 'a.txt');
    return data;
  };

  it('takes a file of just that size and refuses a byte more, with nothing left', async () => {
    const owner = await newOrganization();
    const api = new Api(owner.accessToken, baseUrl());

    expect((await api.ok<Document>('POST', '/v1/documents', { body: form(MAX_BYTES) })).sizeBytes).toBe(MAX_BYTES);
    for (const bytes of [MAX_BYTES + 1, 20 * MAX_BYTES]) {
      expect((await api.refused(413, 'POST', '/v1/documents', { body: form(bytes) })).code).toBe('documents.too_large');
    }

    expect(await keysOf(owner)).toHaveLength(1);
    expect((await owner.api.get<DocumentPage>('/v1/documents')).data).toHaveLength(1);
  });
});

describe('files that no version names', () => {
  it('are swept once they are old, and only they', async () => {
    const owner = await newOrganization();
    const { id } = await write(owner, 'Named.');
    const ctx = ctxOf(owner);
    const [named] = await keysOf(owner);
    const another = blobKey(ctx.orgId, randomUUID(), 'attachment', randomUUID());
    const orphans = [newKey(ctx, id), newKey(ctx, randomUUID())];
    for (const key of [...orphans, another]) await blobs.put(key, Readable.from(['x']), { maxBytes: 10 });

    expect(await app.get(DocumentBlobs).sweep(ctx, 3_600)).toBe(0);
    expect(await app.get(DocumentBlobs).sweep(ctx, 0)).toBe(2);

    expect((await keysOf(owner)).sort()).toEqual([named, another].sort());
  });

  it('are kept when the answer to the commit was lost but the version is there', async () => {
    const owner = await newOrganization();
    const { id } = await write(owner, 'Named.');
    const [key] = await keysOf(owner);

    await app.get(DocumentBlobs).discardUnlessNamed(ctxOf(owner), id, key as ReturnType<typeof blobKey>);

    expect(await keysOf(owner)).toEqual([key]);
  });
});

describe('an ingestion that runs again', () => {
  it('after its end changes nothing', async () => {
    const owner = await newOrganization();
    const { id } = await write(owner, 'Once and only once.');
    await ended(owner, id);
    const before = await traces(owner, id);

    await app.get(IngestionService).ingest(systemContext(owner.organization.id, 'again'), id, 1, STAYS);
    await app.get(IngestionService).fail(systemContext(owner.organization.id, 'again'), id, 1, { code: 'internal', message: 'No.' });

    expect(await traces(owner, id)).toEqual(before);
    expect(before.chunks).toEqual(before.units);
    expect((await ended(owner, id)).status).toBe('ready');
  });

  it('after the document was removed writes nothing', async () => {
    const owner = await newOrganization();
    const { id } = await write(owner, 'Gone.');
    await owner.api.delete(`/v1/documents/${id}`);

    await app.get(IngestionService).ingest(systemContext(owner.organization.id, 'late'), id, 1, STAYS);

    const { chunks, units, events } = await traces(owner, id);
    expect([chunks, units, events.at(-1)]).toEqual([[], [], 'documents.removed']);
  });

  it('for a version that a newer has overtaken gives it its text, and leaves document and index alone', async () => {
    const owner = await newOrganization();
    const { id } = await write(owner, 'The first.');
    await ended(owner, id);
    await owner.api.post(`/v1/documents/${id}/versions`, { text: 'The second.' });
    await ended(owner, id);
    const ctx = ctxOf(owner);
    await app.get(Db).inOrg(ctx, async (tx) => {
      await tx.documentChunk.deleteMany({ where: { documentId: id, version: 1 } });
      await tx.documentVersion.updateMany({ where: { documentId: id, number: 1 }, data: { text: null } });
    });
    await settled(owner);
    const before = await traces(owner, id);

    await app.get(IngestionService).ingest(systemContext(owner.organization.id, 'overtaken'), id, 1, STAYS);

    const after = await traces(owner, id);
    expect([after.units, after.events]).toEqual([before.units, before.events]);
    expect(after.chunks).toHaveLength(before.chunks.length + 1);
    expect((await owner.api.get<{ text: string }>(`/v1/documents/${id}/text`, { version: 1 })).text).toBe('The first.');
  });
});

it('starts anew after a crash in the middle of its units, and leaves none of the try before', async () => {
  const owner = await newOrganization();
  const { id } = await write(owner, 'Just one passage.');
  await ended(owner, id);
  const ctx = ctxOf(owner);
  const stray = { id: randomUUID(), kind: 'document' as const, subjectId: id, ordinal: 9, title: 'T', body: 'stray', grants: ['org'] };
  await app.get(Db).inOrg(ctx, async (tx) => {
    await tx.documentChunk.deleteMany({ where: { documentId: id } });
    await tx.documentVersion.updateMany({ where: { documentId: id }, data: { text: null } });
    await tx.document.updateMany({ where: { id }, data: { status: 'processing' } });
    await app.get(SearchIndex).veil(tx, ctx, 'document', { documentId: id, version: 1 });
    await app.get(SearchIndex).put(tx, ctx, [{ ...stray, source: { documentId: id, version: 1, chunkId: stray.id, start: 0, end: 5 } }]);
  });

  await app.get(IngestionService).ingest(systemContext(owner.organization.id, 'again'), id, 1, STAYS);

  const { chunks, units } = await traces(owner, id);
  expect([units, chunks.length]).toEqual([chunks, 1]);
  expect((await owner.api.get<{ data: unknown[] }>('/v1/search', { q: 'stray' })).data).toEqual([]);
});

it('ends as failed when the fault is ours, and can be tried again', async () => {
  const owner = await newOrganization();
  const ctx = ctxOf(owner);
  const id = randomUUID() as DocumentId;
  const blob = newKey(ctx, id);
  const file = { blobKey: blob, sizeBytes: 5, sha256: '0'.repeat(64), fileName: 'a.txt', claimedMediaType: null };
  await app.get(DocumentsService).create(ctx, id, file, { title: 'Lost', metadata: {}, access: { level: 'private', grants: [] } });

  expect(await ended(owner, id)).toMatchObject({ status: 'failed', failure: { code: 'internal' } });
  await blobs.put(blob, Readable.from(['Found.']), { maxBytes: 10 });
  await owner.api.post(`/v1/documents/${id}/retry`);

  expect((await ended(owner, id)).status).toBe('ready');
});

it('locates a quote for those who may read the document', async () => {
  const owner = await newOrganization();
  const stranger = await newOrganization();
  const { id } = await owner.api.post<Document>('/v1/documents', { title: 'Mine', text: 'The answer is 42.', access: 'private' });
  await ended(owner, id);
  const source = { documentId: id, version: 1, chunkId: randomUUID(), start: 0, end: 17 };
  const quotes = app.get(DocumentQuotes);
  const colleague = { ...ctxOf(owner), principal: { kind: 'user', id: randomUUID(), role: 'admin', onBehalfOf: null } } as OrgContext;

  const located = { start: 4, end: 16, quote: 'answer is 42', title: 'Mine', page: null };
  expect(await quotes.locate(ctxOf(owner), source, 'answer is 42')).toEqual(located);
  for (const ctx of [colleague, ctxOf(stranger), systemContext(owner.organization.id, 'test')]) {
    expect(await quotes.locate(ctx, source, 'answer is 42')).toBeNull();
  }
  expect(await quotes.locate(ctxOf(owner), { ...source, version: 2 }, 'answer is 42')).toBeNull();
  expect(await quotes.locate(ctxOf(owner), { documentId: 'x' }, 'answer is 42')).toBeNull();
});
