/** Injection token of the process' `BlobStore`: `@Inject(BLOBS) blobs: BlobStore`. */
export const BLOBS = Symbol('blobs');
