export { assertBlobKey, blobKey, type BlobKey } from './blob-key.js';
export type { BlobStore } from './blob.store.js';
export { parseRange, type ByteRange } from './byte-range.js';
export { BLOBS } from './blobs-token.js';
export { LocalBlobStore } from './local-blob.store.js';
