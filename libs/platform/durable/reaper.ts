import { Injectable } from '@nestjs/common';
import { Db } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { Durable } from './durable.js';

const HEARTBEAT_MS = 1_500;
/** An executor whose heartbeat is older is dead, by the database's clock. Its work goes on elsewhere within 10 s. */
const DEAD_AFTER_SECONDS = 5;

/** Says that this process lives, and takes over from those that do not. */
@Injectable()
export class Reaper {
  private timer: NodeJS.Timeout | undefined;
  private beat: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly log: Log,
  ) {}

  /** `alone`: no other process can be alive (the embedded database is ours), so all earlier executors are dead. */
  async start(alone: boolean): Promise<void> {
    await this.register();
    await this.takeOver(alone ? 0 : DEAD_AFTER_SECONDS);
    this.timer = setInterval(() => {
      this.beat = this.beat.then(() => this.turn());
    }, HEARTBEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.beat;
  }

  private async turn(): Promise<void> {
    try {
      await this.register();
      await this.takeOver(DEAD_AFTER_SECONDS);
    } catch (error) {
      this.log.warn('the heartbeat of durable work failed; it goes on', {
        reason: error instanceof Error ? error.message.slice(0, 200) : '',
      });
    }
  }

  private register(): Promise<unknown> {
    return this.db.asSystem(
      'heartbeat',
      (tx) =>
        tx.$executeRaw`INSERT INTO durable_executors (id) VALUES (${this.durable.executorId}) ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp()`,
    );
  }

  /** Claims dead executors by renewing their heartbeat, so that a reaper that dies itself delays their work but does not lose it. */
  private async takeOver(afterSeconds: number): Promise<void> {
    const dead = await this.db.asSystem(
      'dead executors',
      (tx) =>
        tx.$queryRaw<{ id: string }[]>`
        UPDATE durable_executors SET heartbeat_at = clock_timestamp()
        WHERE id IN (SELECT id FROM durable_executors WHERE id <> ${this.durable.executorId} AND heartbeat_at < clock_timestamp() - ${afterSeconds} * interval '1 second' FOR UPDATE SKIP LOCKED)
        RETURNING id`,
    );
    if (dead.length === 0) return;
    const ids = dead.map((one) => one.id);
    const count = await this.durable.resumeWorkOf(ids);
    await this.db.asSystem('dead executors', (tx) => tx.$executeRaw`DELETE FROM durable_executors WHERE id = ANY (${ids})`);
    this.log.info('took over the durable work of processes that ended', { count, executor: ids.join(' ').slice(0, 200) });
  }
}
