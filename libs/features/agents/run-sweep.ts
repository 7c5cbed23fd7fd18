import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import { contextOf } from './run-actor.js';
import { AgentRunStarts } from './run-starts.js';

/** How often. Milliseconds: how late an approval's end may be noticed. */
const EVERY_MS = 1_000;
const AT_ONCE = 200;

/** Finds runs whose time has come, and runs that nobody took up because a process died in between. */
@Injectable()
export class AgentRunSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | null = null;

  constructor(
    private readonly db: Db,
    private readonly starts: AgentRunStarts,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = null;
      });
    }, EVERY_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.sweeping;
  }

  private async sweep(): Promise<void> {
    try {
      const { parked, lost } = await this.db.asSystem('runs of agents whose time has come', async (tx) => ({
        parked: await tx.$queryRaw<{ org_id: OrgId; id: string }[]>`
          SELECT org_id, id FROM agent_runs WHERE ended_at IS NULL AND wake_at <= clock_timestamp() AND parked_at IS NOT NULL LIMIT ${AT_ONCE}`,
        lost: await tx.$queryRaw<{ org_id: OrgId; id: string; turn: number }[]>`
          SELECT org_id, id, turn FROM agent_runs
          WHERE ended_at IS NULL AND parked_at IS NULL AND claimed_turn < turn AND updated_at < clock_timestamp() - interval '3 seconds' LIMIT ${AT_ONCE}`,
      }));
      for (const { org_id: orgId, id, turn } of lost) await this.each(id, () => this.starts.launch({ orgId, id, turn }));
      for (const { org_id, id } of parked) await this.each(id, () => this.starts.wake(contextOf(org_id, id), id));
    } catch (error) {
      this.log.warn('the sweep of runs failed; it goes on', { reason: error instanceof Error ? error.message.slice(0, 200) : '' });
    }
  }

  /** One that cannot be served does not hold up the others. */
  private async each(id: string, serve: () => Promise<void>): Promise<void> {
    await serve().catch((error: unknown) => {
      if (!(error instanceof DomainError)) this.log.fault('a run could not be woken', error, { id });
    });
  }
}
