import type { Readable } from 'node:stream';
import type { BlobKey } from './blob-key.js';

/** Files by key. An object is there whole or not at all; putting to an existing key replaces it in one step. */
export interface BlobStore {
  /**
   * Reads the stream to its end and keeps it. On any failure the stream is destroyed and nothing new is stored.
   * @throws Invalid `documents.too_large` (413) beyond `maxBytes`; Unavailable `storage.full` (507); the stream's own error.
   */
  put(key: BlobKey, source: Readable, limits: { maxBytes: number }): Promise<{ sizeBytes: number; sha256: string }>;
  /**
   * The object, or its bytes from `start` to `end`, both included. `sizeBytes` is that of the whole object. The caller reads the
   * stream to its end or destroys it.
   * @throws NotFound `storage.not_found`
   */
  open(key: BlobKey, range?: { start?: number; end?: number }): Promise<{ stream: Readable; sizeBytes: number }>;
  /** @throws NotFound `storage.not_found` */
  stat(key: BlobKey): Promise<{ sizeBytes: number; modifiedAt: Date }>;
  /** Also when there is nothing. */
  remove(key: BlobKey): Promise<void>;
  /** The object of this key and all below it; an organization's id stands for all it has. */
  removePrefix(prefix: string): Promise<void>;
  /** Keys at and below the prefix, in no promised order. */
  list(prefix: string): AsyncIterable<BlobKey>;
}
