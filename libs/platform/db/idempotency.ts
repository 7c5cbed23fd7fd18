import { createHash } from 'node:crypto';
import type { Cipher } from '@atrium/platform/config';
import { Conflict, Invalid } from '@atrium/platform/errors';
import type { Caller, IdempotencyClaim, OrgContext } from '@atrium/platform/tenancy';
import type { IdentityTx, Tx } from './transactions.js';

/** How long a key is remembered. Hours. */
export const IDEMPOTENCY_TTL_HOURS = 24;

interface Row {
  request_hash: string;
  result: Uint8Array | null;
}

/**
 * Runs `fn` at most once per key: the key row is inserted first and its result stored last, in the transaction of the work itself.
 * Stored results are encrypted, because some hold secrets.
 * @throws Conflict `request.idempotency_in_flight`, Invalid `request.idempotency_mismatch`
 */
export async function once<T>(tx: Tx, ctx: OrgContext, claim: IdempotencyClaim, cipher: Cipher, fn: () => Promise<T>): Promise<T> {
  const principal = principalOf(ctx);
  const place = `${ctx.orgId}|idempotency_keys|${principal}|${claim.key}`;
  await lockOrRefuse(tx, place);
  const [row] = await tx.$queryRaw<
    Row[]
  >`SELECT request_hash, result FROM idempotency_keys WHERE org_id = ${ctx.orgId}::uuid AND principal = ${principal} AND key = ${claim.key}`;
  if (row) return replay<T>(row, claim, cipher, place);
  await tx.$executeRaw`INSERT INTO idempotency_keys (org_id, principal, key, request_hash) VALUES (${ctx.orgId}::uuid, ${principal}, ${claim.key}, ${claim.requestHash})`;
  const result = await fn();
  const stored = cipher.encrypt(JSON.stringify(result ?? null), place);
  await tx.$executeRaw`UPDATE idempotency_keys SET result = ${stored} WHERE org_id = ${ctx.orgId}::uuid AND principal = ${principal} AND key = ${claim.key}`;
  return result;
}

/**
 * The same for work on accounts. Of somebody signed in the key counts for that person in that organization; where nobody is, together with
 * route and body, because two strangers may choose the same.
 */
export async function onceOnAccounts<T>(
  tx: IdentityTx,
  caller: Caller | OrgContext,
  claim: IdempotencyClaim,
  cipher: Cipher,
  fn: () => Promise<T>,
): Promise<T> {
  const owned = 'principal' in caller ? `${caller.orgId}|${principalOf(caller)}|${claim.key}` : `${claim.key}\n${claim.requestHash}`;
  const keyHash = createHash('sha256').update(owned).digest('hex');
  const place = `anonymous_idempotency_keys|${keyHash}`;
  // These transactions are short and a request may have several: whoever comes meanwhile waits, and is answered by what was stored.
  await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${place}, 1))`;
  const [row] = await tx.$queryRaw<Row[]>`SELECT request_hash, result FROM anonymous_idempotency_keys WHERE key_hash = ${keyHash}`;
  if (row) return replay<T>(row, claim, cipher, place);
  await tx.$executeRaw`INSERT INTO anonymous_idempotency_keys (key_hash, request_hash) VALUES (${keyHash}, ${claim.requestHash})`;
  const result = await fn();
  const stored = cipher.encrypt(JSON.stringify(result ?? null), place);
  await tx.$executeRaw`UPDATE anonymous_idempotency_keys SET result = ${stored} WHERE key_hash = ${keyHash}`;
  return result;
}

/** An agent acts for a person: what it did for one is not what it did for another. */
const principalOf = ({ principal }: OrgContext) => [principal.kind, principal.id, principal.onBehalfOf].filter(Boolean).join(':');

async function lockOrRefuse(tx: Tx, place: string): Promise<void> {
  const [lock] = await tx.$queryRaw<{ free: boolean }[]>`SELECT pg_try_advisory_xact_lock(hashtextextended(${place}, 1)) AS free`;
  if (!lock?.free)
    throw new Conflict(
      'request.idempotency_in_flight',
      'A request with this Idempotency-Key is still being worked on. Wait and send it again.',
      { retryable: true },
    );
}

function replay<T>(row: Row, claim: IdempotencyClaim, cipher: Cipher, place: string): T {
  if (row.request_hash !== claim.requestHash) {
    throw new Invalid(
      'request.idempotency_mismatch',
      'This Idempotency-Key was used with another request. Use a new key for a new request.',
      { status: 422 },
    );
  }
  claim.replayed = true;
  return JSON.parse(cipher.decrypt(row.result ?? Buffer.alloc(0), place)) as T;
}
