import { createHash, randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { Invalid, NotFound, Unavailable } from '@atrium/platform/errors';
import { assertBlobKey, assertBlobPrefix, type BlobKey } from './blob-key.js';
import type { BlobStore } from './blob.store.js';

const BLOB = '.blob';
const TEMPORARY = '.tmp';
const DAY_MS = 24 * 60 * 60 * 1000;
const FULL = new Set(['ENOSPC', 'EFBIG', 'EDQUOT']);

/**
 * Blobs in a folder: `orgId/xx/yy/part/…/part.blob`, where xx and yy are hash digits of the first part, so that no folder grows
 * large and everything below one part stays together. Files and folders are the process owner's only.
 */
export class LocalBlobStore implements BlobStore {
  private readonly root: string;

  /** Makes the folder when it is first written to. Starts a `sweep` in the background. */
  constructor(dir: string) {
    this.root = resolve(dir);
    this.sweep().catch(() => undefined);
  }

  async put(key: BlobKey, source: Readable, { maxBytes }: { maxBytes: number }): Promise<{ sizeBytes: number; sha256: string }> {
    const target = this.path(key);
    const temporary = join(dirname(target), `${randomUUID()}${TEMPORARY}`);
    // The stream may fail while the folder is made; it tells so again when it is read.
    source.on('error', ignore);
    try {
      await makeFolder(dirname(target));
      const written = await writeNew(temporary, source, maxBytes);
      await rename(temporary, target);
      await syncFolder(dirname(target));
      return written;
    } catch (error) {
      source.destroy();
      await rm(temporary, { force: true });
      throw FULL.has(codeOf(error)) ? full(error) : error;
    } finally {
      if (!source.destroyed) source.off('error', ignore);
    }
  }

  async open(key: BlobKey, range: { start?: number; end?: number } = {}): Promise<{ stream: Readable; sizeBytes: number }> {
    const handle = await open(this.path(key), 'r').catch(missing);
    try {
      const { size } = await handle.stat();
      return { stream: handle.createReadStream(range), sizeBytes: size };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async stat(key: BlobKey): Promise<{ sizeBytes: number; modifiedAt: Date }> {
    const { size, mtime } = await stat(this.path(key)).catch(missing);
    return { sizeBytes: size, modifiedAt: mtime };
  }

  async remove(key: BlobKey): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async removePrefix(prefix: string): Promise<void> {
    const at = this.locate(prefix);
    await rm(at + BLOB, { force: true });
    await rm(at, { force: true, recursive: true });
  }

  async *list(prefix: string): AsyncGenerator<BlobKey, void, undefined> {
    const at = this.locate(prefix);
    for await (const { path } of filesBelow(at)) if (path.endsWith(BLOB)) yield this.keyOf(path);
    if (prefix.includes('/') && (await stat(at + BLOB).catch(() => null))) yield this.keyOf(at + BLOB);
  }

  /** Where the object is or would be, for the child process that extracts its text. */
  path(key: BlobKey): string {
    assertBlobKey(key);
    return this.locate(key) + BLOB;
  }

  /** Removes what writers that died left behind, once it is a day old. Returns how many files that were. */
  async sweep(): Promise<number> {
    let removed = 0;
    for await (const { path } of filesBelow(this.root)) {
      if (!path.endsWith(TEMPORARY)) continue;
      const found = await stat(path).catch(() => null);
      if (!found || Date.now() - found.mtimeMs < DAY_MS) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  private locate(prefix: string): string {
    assertBlobPrefix(prefix);
    const [orgId = '', first, ...rest] = prefix.split('/');
    if (first === undefined) return join(this.root, orgId);
    const hash = createHash('sha256').update(first).digest('hex');
    return join(this.root, orgId, hash.slice(0, 2), hash.slice(2, 4), first, ...rest);
  }

  private keyOf(path: string): BlobKey {
    const [orgId, , , ...parts] = path.slice(this.root.length + 1, -BLOB.length).split(/[\\/]/);
    const key = [orgId, ...parts].join('/');
    assertBlobKey(key);
    return key;
  }
}

async function writeNew(path: string, source: Readable, maxBytes: number): Promise<{ sizeBytes: number; sha256: string }> {
  const handle = await open(path, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const part of source as AsyncIterable<Buffer | string>) {
      const bytes = Buffer.from(part);
      sizeBytes += bytes.length;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(bytes);
      await writeAll(handle, bytes);
    }
    await handle.sync();
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await handle.write(bytes, done)).bytesWritten;
}

/** A new folder survives a power cut only when its parent was synced too. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* filesBelow(folder: string): AsyncGenerator<{ path: string }, void, undefined> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield { path };
  }
}

const ignore = () => undefined;

const codeOf = (error: unknown) => String((error as { code?: unknown } | null)?.code ?? '');

function missing(error: unknown): never {
  if (codeOf(error) === 'ENOENT') throw new NotFound('storage.not_found', 'The stored file is gone.');
  throw error;
}

function tooLarge(maxBytes: number): Invalid {
  return new Invalid('documents.too_large', `The file is larger than ${maxBytes} bytes.`, { status: 413, params: { maxBytes } });
}

function full(cause: unknown): Unavailable {
  return new Unavailable('storage.full', 'There is no space left to store the file.', { status: 507, retryable: false, cause });
}
