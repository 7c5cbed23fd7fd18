/** `orgId/part/…`: made only by `blobKey`, so it can hold no path trick. */
export type BlobKey = string & { readonly BlobKey: unique symbol };

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PART = /^[a-z0-9-]{1,100}$/;

/**
 * The key of one object. `orgId` is a UUID in lower case; parts are ids or words of a-z, 0-9 and hyphens, 1 to 100 characters.
 * @throws TypeError for anything else: that is a mistake in our code, not in a request.
 */
export function blobKey(orgId: string, ...parts: [string, ...string[]]): BlobKey {
  if (!parts.every((part) => PART.test(part))) throw new TypeError('Not a part of a blob key.');
  const key = [orgId, ...parts].join('/');
  assertBlobKey(key);
  return key;
}

/** Judges a key that comes from a row or from another process. */
export function assertBlobKey(key: string): asserts key is BlobKey {
  assertBlobPrefix(key);
  if (!key.includes('/')) throw new TypeError('A blob key has at least one part after the organization.');
}

/** A prefix is an organization or a key: it stands for that object and for everything below it. */
export function assertBlobPrefix(prefix: string): void {
  const [orgId, ...parts] = prefix.split('/');
  if (!UUID.test(orgId ?? '') || parts.length > 8 || !parts.every((part) => PART.test(part))) throw new TypeError('Not a blob key.');
}
