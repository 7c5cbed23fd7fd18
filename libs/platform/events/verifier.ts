import { Injectable } from '@nestjs/common';
import type { AuditVerification, OrgId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AuditHeads } from './audit-heads.js';
import { AuditKey } from './audit-key.js';
import { chainHash, GENESIS, isSigned } from './chain.js';
import type { EventRow } from './event.js';
import { textHmac } from './events.js';

const PAGE = 2_000;

interface SealedRow extends EventRow {
  hash: string | null;
  signature: string | null;
  salt: Uint8Array | null;
}
type Fault = { seq: number; reason: string };

/** Recomputes an organization's chain and holds it against the seals, the signed head outside the database, and the texts. */
@Injectable()
export class Verifier {
  constructor(
    private readonly db: Db,
    private readonly heads: AuditHeads,
    private readonly key: AuditKey,
  ) {}

  async verify(ctx: Pick<OrgContext, 'orgId'>): Promise<AuditVerification> {
    // Read first: while this runs, the head outside may move on, but never back.
    const outside = await this.heads.read(ctx.orgId);
    return this.db.readInOrg(ctx, async (tx) => {
      const walk = await this.walk(tx, ctx.orgId);
      const fault = walk.fault ?? this.headFault(outside, walk.hashes, walk.sealed);
      return {
        valid: fault === null,
        count: walk.count,
        sealedCount: walk.sealed,
        head: walk.head === GENESIS ? null : walk.head,
        firstInvalidSeq: fault?.seq ?? null,
        reason: fault?.reason ?? null,
      };
    });
  }

  private async walk(tx: Tx, orgId: OrgId) {
    const [totals] = await tx.$queryRaw<{ head: bigint | null; seals: bigint; rows: bigint }[]>`
      SELECT (SELECT seq FROM event_heads WHERE org_id = ${orgId}::uuid) AS head, (SELECT coalesce(max(seq), 0) FROM event_seals WHERE org_id = ${orgId}::uuid) AS seals,
        (SELECT count(*) FROM events WHERE org_id = ${orgId}::uuid) AS rows`;
    const lastSeal = Number(totals?.seals ?? 0);
    const state = { head: GENESIS, count: 0, sealed: 0, hashes: new Map<number, string>(), fault: null as Fault | null };
    let expected = 1;
    while (!state.fault) {
      const rows = await this.page(tx, orgId, expected - 1);
      for (const row of rows) {
        state.fault = this.rowFault(orgId, row, expected, lastSeal, state.head);
        if (state.fault) break;
        if (row.hash !== null) {
          state.head = row.hash;
          state.sealed++;
          state.hashes.set(expected, row.hash);
        }
        state.count++;
        expected++;
      }
      if (rows.length < PAGE) break;
    }
    const end = Math.max(Number(totals?.head ?? 0), lastSeal);
    if (!state.fault && state.count < end) state.fault = { seq: expected, reason: `Record ${expected} and what followed it are missing.` };
    // A twin of the last record of a page is on no page.
    if (!state.fault && state.count < Number(totals?.rows ?? 0)) state.fault = { seq: expected, reason: 'A record stands twice.' };
    if (!state.fault && state.count > end) state.fault = { seq: end + 1, reason: `The log ends at ${end}, and more records follow.` };
    return state;
  }

  private page(tx: Tx, orgId: OrgId, after: number): Promise<SealedRow[]> {
    return tx.$queryRaw<SealedRow[]>`
      SELECT e.*, s.hash, s.signature, t.text, t.salt FROM events e
      LEFT JOIN event_seals s ON s.org_id = e.org_id AND s.seq = e.seq LEFT JOIN event_texts t ON t.org_id = e.org_id AND t.seq = e.seq
      WHERE e.org_id = ${orgId}::uuid AND e.seq > ${after} ORDER BY e.seq LIMIT ${PAGE}`;
  }

  private rowFault(orgId: OrgId, row: SealedRow, expected: number, lastSeal: number, previous: string): Fault | null {
    const seq = Number(row.seq);
    if (seq > expected) return { seq: expected, reason: `Record ${expected} is missing.` };
    if (seq < expected) return { seq, reason: `Record ${seq} stands twice.` };
    if (row.text_hmac !== null && row.text && row.salt && textHmac(row.salt, row.text) !== row.text_hmac) {
      return { seq, reason: `The text of record ${seq} was changed.` };
    }
    if (row.hash === null || row.signature === null)
      return seq <= lastSeal ? { seq, reason: `The seal of record ${seq} is missing.` } : null;
    const { hash, signature, salt: _salt, ...event } = row;
    if (chainHash(previous, event) !== hash) return { seq, reason: `Record ${seq} is not the one that was sealed.` };
    if (!isSigned(this.key.bytes, orgId, seq, hash, signature))
      return { seq, reason: `The seal of record ${seq} was not made with this server's key.` };
    return null;
  }

  private headFault(outside: Awaited<ReturnType<AuditHeads['read']>>, hashes: Map<number, string>, sealed: number): Fault | null {
    if (outside === null) return null;
    if (outside === 'forged')
      return { seq: sealed + 1, reason: 'The head that is kept outside the database was not signed by this server.' };
    if (outside.seq > sealed)
      return {
        seq: sealed + 1,
        reason: `The log ends at ${sealed}, but ${outside.seq} had been sealed: it was cut, or an older backup was restored.`,
      };
    if (hashes.get(outside.seq) !== outside.hash)
      return { seq: outside.seq, reason: `Record ${outside.seq} is not the one whose head is kept outside the database.` };
    return null;
  }
}
