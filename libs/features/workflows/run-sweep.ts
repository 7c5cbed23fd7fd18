import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { OrgId, ScheduleId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { contextOf } from './run-actor.js';
import { RunExecutor } from './run-executor.js';
import { RunStarts } from './run-starts.js';
import { SchedulesService } from './schedules.service.js';

/** How often. Milliseconds: how late a wait, an approval's end or a schedule may be. */
const EVERY_MS = 1_000;
const AT_ONCE = 200;

/**
 * Finds runs whose time has come, runs that nobody took up because a process died in between, schedules that are due, and of the runs under
 * way here those that another process has ended or removed.
 */
@Injectable()
export class RunSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | null = null;

  constructor(
    private readonly db: Db,
    private readonly starts: RunStarts,
    private readonly executor: RunExecutor,
    private readonly schedules: SchedulesService,
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
      const mine = this.executor.underWay();
      const { parked, lost, due, over } = await this.db.asSystem('workflows whose time has come', async (tx) => ({
        parked: await tx.$queryRaw<{ org_id: OrgId; id: string }[]>`
          SELECT org_id, id FROM workflow_runs WHERE ended_at IS NULL AND wake_at <= clock_timestamp() AND parked LIMIT ${AT_ONCE}`,
        lost: await tx.$queryRaw<{ org_id: OrgId; id: string; turn: number }[]>`
          SELECT org_id, id, turn FROM workflow_runs
          WHERE ended_at IS NULL AND NOT parked AND claimed_turn < turn AND updated_at < clock_timestamp() - interval '3 seconds' LIMIT ${AT_ONCE}`,
        due: await tx.$queryRaw<{ org_id: OrgId; id: ScheduleId }[]>`
          SELECT org_id, id FROM workflow_schedules WHERE enabled AND next_at <= clock_timestamp() LIMIT ${AT_ONCE}`,
        over: await tx.$queryRaw<{ id: string }[]>`
          SELECT mine.id FROM unnest(${mine.map(({ orgId }) => orgId)}::uuid[], ${mine.map(({ runId }) => runId)}::uuid[]) AS mine (org_id, id)
          LEFT JOIN workflow_runs run USING (org_id, id) WHERE run.id IS NULL OR run.ended_at IS NOT NULL`,
      }));
      for (const { id } of over) this.executor.abort(id);
      for (const { org_id: orgId, id, turn } of lost) await this.each(id, () => this.starts.launch({ orgId, id, turn }));
      for (const { org_id, id } of parked) await this.each(id, () => this.starts.wake(contextOf(org_id, id), id));
      for (const { org_id, id } of due) await this.each(id, () => this.schedules.fire(systemContext(org_id, `schedule-${id}`), id));
    } catch (error) {
      this.log.warn('the sweep of workflows failed; it goes on', { reason: error instanceof Error ? error.message.slice(0, 200) : '' });
    }
  }

  /** One that cannot be served does not hold up the others. */
  private async each(id: string, serve: () => Promise<void>): Promise<void> {
    await serve().catch((error: unknown) => {
      if (!(error instanceof DomainError)) this.log.fault('a workflow could not be woken', error, { id });
    });
  }
}
