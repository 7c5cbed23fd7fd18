import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from './canonical.js';
import type { EventRow } from './event.js';

/** What stands before the first event of a chain. */
export const GENESIS = '0'.repeat(64);

/** The hash of an event and of all before it: SHA-256 over the previous hash and the event's canonical text. Hex. */
export function chainHash(previous: string, row: EventRow): string {
  const { text: _text, seq, at, ...fields } = row;
  return createHash('sha256')
    .update(previous)
    .update(canonicalJson({ ...fields, seq: Number(seq), at: at.toISOString() }))
    .digest('hex');
}

/** The signature of one sealed hash: who lacks AUDIT_KEY can recompute hashes, but not this. Hex. */
export function sign(key: Buffer, orgId: string, seq: number, hash: string): string {
  return createHmac('sha256', key).update(`${orgId}|${seq}|${hash}`).digest('hex');
}

export function isSigned(key: Buffer, orgId: string, seq: number, hash: string, signature: string): boolean {
  const expected = Buffer.from(sign(key, orgId, seq, hash));
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
