import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { DeliveryRepository } from './delivery.repository.js';

const EVERY_MS = 10 * 60_000;
const KEPT_DAYS = 30;
const AT_ONCE = 1_000;

/** Removes deliveries that are older than 30 days. Any process may; doing it twice does no harm. */
@Injectable()
export class DeliveryPruning implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly db: Db,
    private readonly deliveries: DeliveryRepository,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.prune());
    }, EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  async prune(): Promise<void> {
    try {
      while (!this.stopped && (await this.removeSome()) === AT_ONCE);
    } catch (error) {
      this.log.warn('old deliveries of webhooks could not be removed; it goes on later', {
        reason: error instanceof Error ? error.message.slice(0, 200) : '',
      });
    }
  }

  private async removeSome(): Promise<number> {
    const old = await this.db.asSystem(
      'old deliveries of webhooks',
      (tx) =>
        tx.$queryRaw<{ org_id: OrgId; id: string }[]>`
        SELECT org_id, id FROM webhook_deliveries WHERE created_at < clock_timestamp() - ${KEPT_DAYS} * interval '1 day' LIMIT ${AT_ONCE}`,
    );
    for (const orgId of new Set(old.map((row) => row.org_id))) {
      const ids = old.filter((row) => row.org_id === orgId).map(({ id }) => id);
      const system = systemContext(orgId, 'webhook-pruning');
      await this.db.inOrg(system, (tx) => this.deliveries.remove(tx, system, ids));
    }
    return old.length;
  }
}
