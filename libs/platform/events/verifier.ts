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
type Outside = Awaited<ReturnType<AuditHeads['read']>>;

/** Recomputes an organization's chain and holds it against the seals, the signed head outside the database, and the texts. */
@Injectable()
export class Verifier {
  private readonly running = new Map<string, Promise<AuditVerification>>();

  constructor(
    private readonly db: Db,
    private readonly heads: AuditHeads,
    private readonly key: AuditKey,
  ) {}

  /** Whoever asks while an organization's log is being verified gets the same answer. */
  verify(ctx: Pick<OrgContext, 'orgId'>): Promise<AuditVerification> {
    const running = this.running.get(ctx.orgId) ?? this.verified(ctx).finally(() => this.running.delete(ctx.orgId));
    this.running.set(ctx.orgId, running);
    return running;
  }

  private async verified(ctx: Pick<OrgContext, 'orgId'>): Promise<AuditVerification> {
    // Read first: while this runs, the head outside may move on, but never back.
    const outside = await this.heads.read(ctx.orgId);
    const walk = await this.walk(ctx.orgId, outside);
    const fault = walk.fault ?? headFault(outside, walk.atOutside, walk.sealed);
    return {
      valid: fault === null,
      count: walk.count,
      sealedCount: walk.sealed,
      head: walk.head === GENESIS ? null : walk.head,
      firstInvalidSeq: fault?.seq ?? null,
      reason: fault?.reason ?? null,
    };
  }

  /** Up to where the log and its seals had come at the beginning; each page is a transaction of its own, so a log of any length holds none open. */
  private async walk(orgId: OrgId, outside: Outside) {
    const { end, lastSeal, rows: total, beyond } = await this.db.readInOrg({ orgId }, (tx) => this.extent(tx, orgId));
    const state = { head: GENESIS, count: 0, sealed: 0, atOutside: null as string | null, fault: null as Fault | null };
    const seqOutside = outside === null || outside === 'forged' ? null : outside.seq;
    let expected = 1;
    while (!state.fault) {
      const after = expected - 1;
      const rows = await this.db.readInOrg({ orgId }, (tx) => this.page(tx, orgId, after, end, lastSeal));
      for (const row of rows) {
        state.fault = this.rowFault(orgId, row, expected, lastSeal, state.head);
        if (state.fault) break;
        if (row.hash !== null) {
          state.head = row.hash;
          state.sealed++;
          if (expected === seqOutside) state.atOutside = row.hash;
        }
        state.count++;
        expected++;
      }
      if (rows.length < PAGE) break;
    }
    if (!state.fault && state.count < end) state.fault = { seq: expected, reason: `Record ${expected} and what followed it are missing.` };
    if (!state.fault && beyond > 0) state.fault = { seq: end + 1, reason: `The log ends at ${end}, and more records follow.` };
    // A twin of the last record of a page is on no page.
    if (!state.fault && state.count < total) state.fault = { seq: expected, reason: 'A record stands twice.' };
    return state;
  }

  /** In one snapshot: where the log and its seals end, how many records there are, and how many behind the end. */
  private async extent(tx: Tx, orgId: OrgId): Promise<{ end: number; lastSeal: number; rows: number; beyond: number }> {
    const [totals] = await tx.$queryRaw<{ head: bigint | null; seals: bigint }[]>`
      SELECT (SELECT seq FROM event_heads WHERE org_id = ${orgId}::uuid) AS head,
        (SELECT coalesce(max(seq), 0) FROM event_seals WHERE org_id = ${orgId}::uuid) AS seals`;
    const lastSeal = Number(totals?.seals ?? 0);
    const end = Math.max(Number(totals?.head ?? 0), lastSeal);
    const [counted] = await tx.$queryRaw<{ rows: bigint; beyond: bigint }[]>`
      SELECT count(*) AS rows, count(*) FILTER (WHERE seq > ${end}) AS beyond FROM events WHERE org_id = ${orgId}::uuid`;
    return { end, lastSeal, rows: Number(counted?.rows ?? 0), beyond: Number(counted?.beyond ?? 0) };
  }

  private page(tx: Tx, orgId: OrgId, after: number, end: number, lastSeal: number): Promise<SealedRow[]> {
    return tx.$queryRaw<SealedRow[]>`
      SELECT e.*, s.hash, s.signature, t.text, t.salt FROM events e
      LEFT JOIN event_seals s ON s.org_id = e.org_id AND s.seq = e.seq AND s.seq <= ${lastSeal} LEFT JOIN event_texts t ON t.org_id = e.org_id AND t.seq = e.seq
      WHERE e.org_id = ${orgId}::uuid AND e.seq > ${after} AND e.seq <= ${end} ORDER BY e.seq LIMIT ${PAGE}`;
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
}

/** `atOutside`: the hash of the record that the head outside is of. */
function headFault(outside: Outside, atOutside: string | null, sealed: number): Fault | null {
  if (outside === null) return null;
  if (outside === 'forged') return { seq: sealed + 1, reason: 'The head that is kept outside the database was not signed by this server.' };
  if (outside.seq > sealed)
    return {
      seq: sealed + 1,
      reason: `The log ends at ${sealed}, but ${outside.seq} had been sealed: it was cut, or an older backup was restored.`,
    };
  if (atOutside !== outside.hash)
    return { seq: outside.seq, reason: `Record ${outside.seq} is not the one whose head is kept outside the database.` };
  return null;
}
