import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Log } from '@atrium/platform/observability';
import { Db } from './db.js';
import { Prisma } from './generated/client.js';
import { IDEMPOTENCY_TTL_HOURS } from './idempotency.js';
import type { SystemTx } from './transactions.js';

const EVERY_MS = 60 * 60 * 1_000;
/** Partitions of the event log are made so many months ahead. */
const MONTHS_AHEAD = 3;

/** There may be more to clear away. */
export const MORE = 'more';
/** Rows of one transaction, with what goes with them. */
const AT_ONCE = 200;

/** Once an hour makes the coming partitions and removes what has had its time. Any process may; doing it twice does no harm. */
@Injectable()
export class Upkeep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly tasks = new Map<string, (tx: SystemTx) => Promise<unknown>>();

  constructor(
    private readonly db: Db,
    private readonly log: Log,
  ) {}

  /**
   * Registers what a feature has to clear away; in `onModuleInit`. Each task is a transaction of its own; one that answers `MORE` is done again
   * at once, in the next.
   */
  add(what: string, task: (tx: SystemTx) => Promise<unknown>): void {
    this.tasks.set(what, task);
  }

  /** Removes what ended more than so many days ago, by the column `ended_at` of a table that the system may prune; 0 days: nothing, ever. */
  removeEnded(what: string, table: string, days: number): void {
    if (days === 0) return;
    const rows = Prisma.raw(table);
    this.add(what, async (tx) => {
      const removed = await tx.$executeRaw`
        DELETE FROM ${rows} WHERE (org_id, id) IN (
          SELECT org_id, id FROM ${rows} WHERE ended_at < clock_timestamp() - ${days} * interval '1 day' ORDER BY ended_at LIMIT ${AT_ONCE})`;
      return removed === AT_ONCE ? MORE : null;
    });
  }

  onApplicationBootstrap(): void {
    const turn = () => {
      this.running = this.running
        .then(() => this.turn())
        .catch((error: unknown) => this.log.fault('the upkeep failed; it goes on in an hour', error));
    };
    turn();
    this.timer = setInterval(turn, EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** Each in a transaction of its own: one that fails does not undo the others. */
  async turn(): Promise<void> {
    await this.db.asSystem('partitions', (tx) => tx.$queryRaw`SELECT 1 FROM ensure_event_partitions(${MONTHS_AHEAD})`);
    await this.db.asSystem('idempotency keys', async (tx) => {
      await tx.$executeRaw`DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - ${IDEMPOTENCY_TTL_HOURS} * interval '1 hour'`;
      await tx.$executeRaw`DELETE FROM anonymous_idempotency_keys WHERE created_at < clock_timestamp() - ${IDEMPOTENCY_TTL_HOURS} * interval '1 hour'`;
    });
    for (const [what, task] of this.tasks) while (!this.stopped && (await this.db.asSystem(what, task)) === MORE);
  }
}
