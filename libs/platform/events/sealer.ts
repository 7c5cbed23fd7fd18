import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { type AuditHead, AuditHeads } from './audit-heads.js';
import { AuditKey } from './audit-key.js';
import { chainHash, GENESIS, sign } from './chain.js';
import type { EventRow } from './event.js';

const EVERY_MS = 500;
const BATCH = 1_000;

interface SealedBatch {
  seq: number;
  hash: string;
  count: number;
  /** Whether the head outside the database is one of this chain. */
  continues: boolean;
}

/** Chains what was appended, within a second: one sealer at a time per organization, whichever process holds the lock. */
@Injectable()
export class Sealer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private work: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly db: Db,
    private readonly heads: AuditHeads,
    private readonly key: AuditKey,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.work;
    await this.sealAll().catch(() => undefined);
  }

  /** Seals every organization's tail. */
  async sealAll(): Promise<void> {
    const open = await this.db.asSystem(
      'unsealed tails',
      (tx) =>
        tx.$queryRaw<{ org_id: string }[]>`
        SELECT h.org_id FROM event_heads h WHERE h.seq > coalesce((SELECT max(s.seq) FROM event_seals s WHERE s.org_id = h.org_id), 0) LIMIT 1000`,
    );
    for (const { org_id } of open) await this.seal(org_id as OrgId);
  }

  /**
   * Seals one organization's tail; the head file follows the commit, so it is never ahead of the database. A head from which the chain
   * does not lead on stays where it is: it is the evidence that the log was cut, rewritten or restored from an older backup.
   */
  async seal(orgId: OrgId): Promise<void> {
    for (;;) {
      const ctx = systemContext(orgId, `seal-${uuidv7()}`);
      const outside = await this.heads.read(orgId);
      const last = await this.db.inOrg(ctx, (tx) => this.sealBatch(tx, orgId, outside));
      if (!last) return;
      if (last.continues) await this.heads.write(orgId, last.seq, last.hash);
      else this.log.warn('the audit chain does not lead on from its head outside the database; see /v1/audit/verify', { orgId });
      if (last.count < BATCH) return;
    }
  }

  private async sealBatch(tx: Tx, orgId: OrgId, outside: AuditHead | 'forged' | null): Promise<SealedBatch | null> {
    const [lock] = await tx.$queryRaw<
      { free: boolean }[]
    >`SELECT pg_try_advisory_xact_lock(hashtextextended(${`seal ${orgId}`}, 2)) AS free`;
    if (!lock?.free) return null;
    const [previous] = await tx.$queryRaw<
      { seq: bigint; hash: string }[]
    >`SELECT seq, hash FROM event_seals WHERE org_id = ${orgId}::uuid ORDER BY seq DESC LIMIT 1`;
    const rows = await tx.$queryRaw<
      EventRow[]
    >`SELECT * FROM events WHERE org_id = ${orgId}::uuid AND seq > ${previous?.seq ?? 0n} ORDER BY seq LIMIT ${BATCH}`;
    if (rows.length === 0) return null;
    let hash = previous?.hash ?? GENESIS;
    const seals = rows.map((row) => {
      hash = chainHash(hash, row);
      return { seq: Number(row.seq), hash, signature: sign(this.key.bytes, orgId, Number(row.seq), hash) };
    });
    await tx.$executeRaw`
      INSERT INTO event_seals (org_id, seq, hash, signature)
      SELECT ${orgId}::uuid, s.seq, s.hash, s.signature FROM jsonb_to_recordset(${JSON.stringify(seals)}::jsonb) AS s(seq bigint, hash text, signature text)`;
    return { seq: Number(rows.at(-1)?.seq ?? 0), hash, count: rows.length, continues: await this.continues(tx, orgId, outside) };
  }

  private async continues(tx: Tx, orgId: OrgId, outside: AuditHead | 'forged' | null): Promise<boolean> {
    if (outside === null || outside === 'forged') return outside === null;
    const [seal] = await tx.$queryRaw<
      { hash: string }[]
    >`SELECT hash FROM event_seals WHERE org_id = ${orgId}::uuid AND seq = ${outside.seq}`;
    return seal?.hash === outside.hash;
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.work = this.sealAll()
        .catch((error: unknown) =>
          this.log.warn('sealing failed; it goes on', { reason: error instanceof Error ? error.message.slice(0, 200) : '' }),
        )
        .finally(() => {
          if (!this.stopped) this.schedule();
        });
    }, EVERY_MS);
  }
}
