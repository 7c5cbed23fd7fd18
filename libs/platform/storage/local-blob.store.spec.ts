import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { assertBlobKey, blobKey, LocalBlobStore, type BlobKey } from './index.js';

const orgId = randomUUID();
const SMALL_DISK = process.env.SMALL_DISK ?? '/dev/shm';
const limits = { maxBytes: 1_000_000 };
let dir: string;
let store: LocalBlobStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobs-'));
  store = new LocalBlobStore(dir);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const read = async (key: BlobKey, range?: { start?: number; end?: number }) =>
  (await buffer((await store.open(key, range)).stream)).toString();
const text = (value: string) => Readable.from([Buffer.from(value)]);

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const key of store.list(prefix)) found.push(key);
  return found.sort();
}

describe('putting', () => {
  it('keeps a stream byte for byte and tells its size and hash', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    const key = blobKey(orgId, randomUUID(), 'v1');

    const written = await store.put(
      key,
      Readable.from([bytes.subarray(0, 7), bytes.subarray(7, 200_000), bytes.subarray(200_000)]),
      limits,
    );

    expect(written).toEqual({ sizeBytes: 300_000, sha256: createHash('sha256').update(bytes).digest('hex') });
    expect((await readFile(store.path(key))).equals(bytes)).toBe(true);
    expect(await store.stat(key)).toMatchObject({ sizeBytes: 300_000 });
    expect((await stat(store.path(key))).mode & 0o777).toBe(0o600);
  });

  it('keeps an empty stream, and text as UTF-8', async () => {
    await store.put(blobKey(orgId, 'empty'), Readable.from([]), limits);
    await store.put(blobKey(orgId, 'umlaut'), Readable.from(['Grüße']), limits);

    expect(await read(blobKey(orgId, 'empty'))).toBe('');
    expect(await read(blobKey(orgId, 'umlaut'))).toBe('Grüße');
  });

  it('shows nothing before the end, and then all at once', async () => {
    const key = blobKey(orgId, 'slow');
    const source = new PassThrough();
    const put = store.put(key, source, limits);
    source.write('first half, ');
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(await keys(orgId)).toEqual([]);
    await expect(store.open(key)).rejects.toMatchObject({ kind: 'NotFound', code: 'storage.not_found' });
    expect(await filesIn(dir)).toEqual([expect.stringMatching(/\.tmp$/)]);

    source.end('second half');
    await put;
    expect(await read(key)).toBe('first half, second half');
  });

  it('replaces an object in one step: a reader keeps what it has opened', async () => {
    const key = blobKey(orgId, 'page');
    await store.put(key, text('old'), limits);
    const { stream } = await store.open(key);

    await store.put(key, text('new and longer'), limits);

    expect((await buffer(stream)).toString()).toBe('old');
    expect(await read(key)).toBe('new and longer');
  });

  it('keeps one whole object of several writers', async () => {
    const key = blobKey(orgId, 'race');
    const bodies = Array.from({ length: 8 }, (_, index) => String(index).repeat(100_000));

    await Promise.all(bodies.map((body) => store.put(key, text(body), limits)));

    expect(bodies).toContain(await read(key));
    expect(await filesIn(dir)).toHaveLength(1);
  });

  it('leaves nothing of a file that is too large, and reads no further', async () => {
    let produced = 0;
    const endless = new Readable({
      read() {
        produced += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });

    const put = store.put(blobKey(orgId, 'huge'), endless, limits);

    await expect(put).rejects.toMatchObject({ kind: 'Invalid', code: 'documents.too_large', status: 413 });
    expect(await filesIn(dir)).toEqual([]);
    expect(endless.destroyed).toBe(true);
    expect(produced).toBeLessThan(2_000_000);
  });

  it('takes exactly the limit', async () => {
    await expect(store.put(blobKey(orgId, 'fits'), text('12345'), { maxBytes: 5 })).resolves.toMatchObject({ sizeBytes: 5 });
    await expect(store.put(blobKey(orgId, 'over'), text('123456'), { maxBytes: 5 })).rejects.toMatchObject({ status: 413 });
  });

  it.each([
    ['breaks', (source: PassThrough) => source.destroy(new Error('the client has left')), /the client has left/],
    ['closes early', (source: PassThrough) => source.destroy(), /Premature close/],
  ])('leaves nothing of a stream that %s, and the old object as it was', async (_what, end, message) => {
    const key = blobKey(orgId, 'kept');
    await store.put(key, text('kept'), limits);
    const source = new PassThrough();
    const put = store.put(key, source, limits);
    source.write('half');
    setTimeout(() => end(source), 20);

    await expect(put).rejects.toThrow(message);
    expect(await filesIn(dir)).toHaveLength(1);
    expect(await read(key)).toBe('kept');
  });

  it('fails for a stream that broke before it was read', async () => {
    const source = new PassThrough();
    source.on('error', () => undefined).destroy(new Error('too late'));

    await expect(store.put(blobKey(orgId, 'never'), source, limits)).rejects.toThrow();
    expect(await filesIn(dir)).toEqual([]);
  });

  it.each(['ENOSPC', 'EFBIG', 'EDQUOT'])('names a full disk (%s)', async (code) => {
    const source = new Readable({ read: () => undefined });
    setTimeout(() => source.destroy(Object.assign(new Error(code), { code })), 10);

    const put = store.put(blobKey(orgId, 'full'), source, limits);

    await expect(put).rejects.toMatchObject({ kind: 'Unavailable', code: 'storage.full', status: 507 });
    expect(await filesIn(dir)).toEqual([]);
  });

  (smallDisk() ? it : it.skip)('leaves nothing on a disk that is really full', async () => {
    const folder = await mkdtemp(join(SMALL_DISK, 'blobs-'));
    try {
      const small = new LocalBlobStore(folder);
      const source = Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(1_048_576);
        })(),
      );

      const put = small.put(blobKey(orgId, 'full'), source, { maxBytes: 1e12 });

      await expect(put).rejects.toMatchObject({ code: 'storage.full', status: 507 });
      expect(await filesIn(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** A container's shared memory, usually 64 MB: a test may fill it for a moment. Larger ones are left alone. */
function smallDisk(): boolean {
  try {
    const { bsize, bavail, blocks } = statfsSync(SMALL_DISK);
    return bsize * blocks <= 128 * 1_048_576 && bavail > 0;
  } catch {
    return false;
  }
}

describe('reading', () => {
  it('gives a range, both ends included', async () => {
    const key = blobKey(orgId, 'digits');
    await store.put(key, text('0123456789'), limits);

    expect(await read(key, { start: 2, end: 4 })).toBe('234');
    expect(await read(key, { start: 7 })).toBe('789');
    const { stream, sizeBytes } = await store.open(key, { start: 0, end: 0 });
    expect(sizeBytes).toBe(10);
    expect((await buffer(stream)).toString()).toBe('0');
  });

  it('knows what is not there', async () => {
    const key = blobKey(orgId, 'nothing');

    await expect(store.open(key)).rejects.toMatchObject({ code: 'storage.not_found' });
    await expect(store.stat(key)).rejects.toMatchObject({ code: 'storage.not_found' });
    expect(await keys(orgId)).toEqual([]);
  });
});

describe('removing and listing', () => {
  const other = randomUUID();

  beforeEach(async () => {
    const all = [
      [orgId, 'doc-1'],
      [orgId, 'doc-1', 'v1'],
      [orgId, 'doc-1', 'v2', 'text'],
      [orgId, 'doc-10'],
      [other, 'doc-1', 'v1'],
    ] as const;
    for (const [org, ...parts] of all) await store.put(blobKey(org, ...(parts as unknown as [string, ...string[]])), text('x'), limits);
  });

  it('removes one, twice as well', async () => {
    const key = blobKey(orgId, 'doc-1');

    await store.remove(key);
    await store.remove(key);

    expect(await keys(orgId)).toEqual([`${orgId}/doc-1/v1`, `${orgId}/doc-1/v2/text`, `${orgId}/doc-10`]);
  });

  it('lists a key and all below it, by whole parts', async () => {
    expect(await keys(`${orgId}/doc-1`)).toEqual([`${orgId}/doc-1`, `${orgId}/doc-1/v1`, `${orgId}/doc-1/v2/text`]);
    expect(await keys(`${orgId}/doc-1/v2`)).toEqual([`${orgId}/doc-1/v2/text`]);
    expect(await keys(`${orgId}/doc`)).toEqual([]);
  });

  it('removes a prefix by whole parts', async () => {
    await store.removePrefix(`${orgId}/doc-1`);
    await store.removePrefix(`${orgId}/doc-1`);

    expect(await keys(orgId)).toEqual([`${orgId}/doc-10`]);
    expect(await keys(other)).toEqual([`${other}/doc-1/v1`]);
  });

  it('removes an organization and leaves the others', async () => {
    await store.removePrefix(orgId);

    expect(await keys(orgId)).toEqual([]);
    expect(await keys(other)).toHaveLength(1);
    expect(await filesIn(dir)).toHaveLength(1);
  });
});

describe('sweeping', () => {
  it('removes temporary files that are a day old, and no others', async () => {
    const key = blobKey(orgId, 'doc');
    await store.put(key, text('x'), limits);
    const folder = dirname(store.path(key));
    await mkdir(join(folder, 'doc'), { recursive: true });
    const [old, deepOld, young] = [join(folder, 'a.tmp'), join(folder, 'doc', 'b.tmp'), join(folder, 'c.tmp')];
    for (const path of [old, deepOld, young]) await writeFile(path, 'half');
    const longAgo = new Date(Date.now() - 25 * 3_600_000);
    for (const path of [old, deepOld, store.path(key)]) await utimes(path, longAgo, longAgo);

    expect(await store.sweep()).toBe(2);

    expect((await filesIn(dir)).sort()).toEqual(['c.tmp', 'doc.blob']);
  });

  it('needs no folder', async () => {
    expect(await new LocalBlobStore(join(dir, 'not', 'yet')).sweep()).toBe(0);
  });
});

describe('keys', () => {
  it('spread over folders and stay below the store', () => {
    const paths = Array.from({ length: 50 }, () => store.path(blobKey(orgId, randomUUID(), 'v1')));

    for (const path of paths) {
      const parts = path.slice(dir.length + 1).split(sep);
      expect(path.startsWith(join(dir, orgId) + sep)).toBe(true);
      expect(parts.slice(1, 3)).toEqual([expect.stringMatching(/^[0-9a-f]{2}$/), expect.stringMatching(/^[0-9a-f]{2}$/)]);
    }
    expect(new Set(paths.map((path) => path.split(sep).at(-4))).size).toBeGreaterThan(5);
  });

  it.each([
    ['..'],
    ['.'],
    [''],
    ['../../etc/passwd'],
    ['a/b'],
    ['a\\b'],
    ['a\0b'],
    ['A'],
    ['a.b'],
    ['%2e%2e'],
    ['a b'],
    ['ä'],
    ['a\n'],
    ['x'.repeat(101)],
  ])('refuse the part %j', (part) => {
    expect(() => blobKey(orgId, part)).toThrow(TypeError);
  });

  it.each(['', '..', 'acme', orgId.toUpperCase(), `${orgId}x`, `${orgId}\n`, `{${orgId}}`])('refuse the organization %j', (org) => {
    expect(() => blobKey(org, 'a')).toThrow(TypeError);
  });

  it('are judged again by the store', async () => {
    const forged = `${orgId}/../../outside` as BlobKey;

    expect(() => store.path(forged)).toThrow(TypeError);
    await expect(store.put(forged, text('x'), limits)).rejects.toThrow(TypeError);
    await expect(store.open(forged)).rejects.toThrow(TypeError);
    await expect(store.remove(forged)).rejects.toThrow(TypeError);
    await expect(store.removePrefix('')).rejects.toThrow(TypeError);
    await expect(store.removePrefix(`${orgId}/`)).rejects.toThrow(TypeError);
    await expect(keys('..')).rejects.toThrow(TypeError);
    expect(() => assertBlobKey(orgId)).toThrow(TypeError);
  });
});
