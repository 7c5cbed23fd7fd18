import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { MemoryChanges, noChanges } from './memory-changes.js';
import { MemoryRepository } from './memory.repository.js';
import { NamespaceRepository } from './namespace.repository.js';

const EVERY_MS = 60_000;
/** How many memories one transaction ends. */
const BATCH = 200;

/** Once a minute ends what has expired. Searches and lists are right without it; it brings the end into history and log. Any process may. */
@Injectable()
export class ExpirySweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly db: Db,
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
    private readonly changes: MemoryChanges,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.running
        .then(() => this.turn())
        .catch((error: unknown) => this.log.fault('the sweep of expired memories failed; it goes on in a minute', error));
    }, EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** Ends everything that has expired, in every organization. */
  async turn(): Promise<void> {
    const due = await this.db.asSystem('expired memories', (tx) => this.memories.organizationsWithExpired(tx));
    for (const orgId of due) await this.sweep(systemContext(orgId as OrgId, `memory-expiry-${uuidv7()}`));
  }

  private async sweep(ctx: OrgContext): Promise<void> {
    while (!this.stopped && (await this.batch(ctx))) {
      // one more batch
    }
  }

  /** Ends some of one namespace; false when there is nothing left. */
  private batch(ctx: OrgContext): Promise<boolean> {
    return this.db.inOrg(ctx, async (tx) => {
      const now = new Date();
      const [first] = await this.memories.expired(tx, ctx, now, 1);
      if (!first) return false;
      const namespace = await this.namespaces.lock(tx, ctx, first.namespaceId);
      const changes = noChanges();
      for (const row of await this.memories.expired(tx, ctx, now, BATCH, first.namespaceId))
        await this.changes.expire(tx, ctx, row, namespace?.name ?? '', changes);
      await this.changes.tell(tx, ctx, changes);
      return true;
    });
  }
}
