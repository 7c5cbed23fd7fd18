import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';

const EVERY_MS = 2_000;
/** How many units, and how many debts, one transaction folds. */
const BATCH = 1_000;

/**
 * Folds new units, and the debts of removed ones, into the counts that BM25 needs. Searches are right without it, because they count what it
 * has not reached themselves; they only get slower. One process at a time per organization.
 */
@Injectable()
export class SearchCounter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private work: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly db: Db,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.work;
  }

  /** Folds everything of every organization that has something to fold. */
  async foldAll(): Promise<void> {
    const open = await this.db.asSystem(
      'uncounted search units',
      (tx) =>
        tx.$queryRaw<
          { org_id: string }[]
        >`SELECT org_id FROM search_units WHERE NOT counted UNION SELECT org_id FROM search_debts LIMIT 1000`,
    );
    for (const { org_id } of open) {
      if (this.stopped) return;
      await this.fold(org_id as OrgId);
    }
  }

  /** Folds everything of one organization, a batch per transaction; leaves it when another process is at it. */
  async fold(orgId: OrgId): Promise<void> {
    const ctx = systemContext(orgId, `search-count-${uuidv7()}`);
    while (!this.stopped && (await this.db.inOrg(ctx, (tx) => foldBatch(tx, orgId)))) {
      // one more batch
    }
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.work = this.foldAll()
        .catch((error: unknown) =>
          this.log.warn('counting search units failed; it goes on', { reason: error instanceof Error ? error.message.slice(0, 200) : '' }),
        )
        .finally(() => {
          if (!this.stopped) this.schedule();
        });
    }, EVERY_MS);
    this.timer.unref();
  }
}

/** Whether there may be more. */
async function foldBatch(tx: Tx, orgId: OrgId): Promise<boolean> {
  const [lock] = await tx.$queryRaw<
    { free: boolean }[]
  >`SELECT pg_try_advisory_xact_lock(hashtextextended(${`search-count ${orgId}`}, 3)) AS free`;
  if (!lock?.free) return false;
  // A unit that a command is rewriting is skipped: it stays uncounted, or the command leaves a debt.
  const [folded] = await tx.$queryRaw<{ units: bigint; debts: bigint }[]>`
    WITH batch AS (
      SELECT id FROM search_units WHERE org_id = ${orgId}::uuid AND NOT counted ORDER BY id LIMIT ${BATCH} FOR NO KEY UPDATE SKIP LOCKED
    ), fresh AS (
      UPDATE search_units u SET counted = true FROM batch WHERE u.org_id = ${orgId}::uuid AND u.id = batch.id AND NOT u.counted RETURNING u.tsv, u.length
    ), owed AS (
      DELETE FROM search_debts d WHERE d.org_id = ${orgId}::uuid AND d.id IN (SELECT id FROM search_debts WHERE org_id = ${orgId}::uuid ORDER BY id LIMIT ${BATCH})
      RETURNING d.tsv, d.length
    ), change AS (
      SELECT 1 AS sign, tsv, length FROM fresh UNION ALL SELECT -1, tsv, length FROM owed
    ), terms AS (
      INSERT INTO search_terms (org_id, term, units)
      SELECT ${orgId}::uuid, l.lexeme, sum(c.sign) FROM change c CROSS JOIN LATERAL unnest(c.tsv) l GROUP BY l.lexeme HAVING sum(c.sign) <> 0 ORDER BY l.lexeme
      ON CONFLICT (org_id, term) DO UPDATE SET units = search_terms.units + EXCLUDED.units
    ), totals AS (
      INSERT INTO search_totals (org_id, units, length)
      SELECT ${orgId}::uuid, sum(c.sign), sum(c.sign * c.length) FROM change c HAVING count(*) > 0
      ON CONFLICT (org_id) DO UPDATE SET units = search_totals.units + EXCLUDED.units, length = search_totals.length + EXCLUDED.length
    )
    SELECT (SELECT count(*) FROM fresh) AS units, (SELECT count(*) FROM owed) AS debts`;
  if (folded && folded.debts > 0n) await tx.$executeRaw`DELETE FROM search_terms WHERE org_id = ${orgId}::uuid AND units <= 0`;
  return folded !== undefined && (folded.units === BigInt(BATCH) || folded.debts === BigInt(BATCH));
}
