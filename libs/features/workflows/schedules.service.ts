import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { CreateSchedule, Page, PageQuery, PatchSchedule, Schedule, ScheduleId, WorkflowId } from '@atrium/contracts';
import { Db, storable } from '@atrium/platform/db';
import { DomainError, Forbidden } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged, decodeCursor, later, listed, pageOf } from '@atrium/platform/http';
import { Log } from '@atrium/platform/observability';
import type { OrgContext } from '@atrium/platform/tenancy';
import { RunActor } from './run-actor.js';
import { RunStarts } from './run-starts.js';
import { nextTime } from './schedule.js';
import { ScheduleRepository, type ScheduleRow, toSchedule } from './schedule.repository.js';

import { scheduleTold } from './workflow-events.js';
import { WorkflowRepository } from './workflow.repository.js';
import { assertMayChange, maker } from './workflows.service.js';

/** Schedules: each runs one version of a workflow with the rights of who made it. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly workflows: WorkflowRepository,
    private readonly schedules: ScheduleRepository,
    private readonly starts: RunStarts,
    private readonly actor: RunActor,
    private readonly log: Log,
  ) {}

  /** @throws NotFound `workflows.not_found`, Invalid `workflows.invalid_schedule` */
  create(ctx: OrgContext, { workflowId, cron, timeZone, input, enabled }: CreateSchedule): Promise<Schedule> {
    const at = new Date();
    const nextAt = nextTime(cron, timeZone, at);
    return this.db.inOrg(ctx, async (tx) => {
      const { version } = await this.workflows.get(tx, ctx, workflowId);
      const row: ScheduleRow = {
        id: uuidv7(),
        workflowId,
        version,
        cron,
        timeZone,
        input: storable(input),
        enabled,
        createdBy: maker(ctx),
        ...grantOf(ctx),
        failureCode: null,
        nextAt: enabled ? nextAt : null,
        lastAt: null,
        createdAt: at,
        updatedAt: at,
      };
      await this.schedules.insert(tx, ctx, row);
      await this.events.append(tx, ctx, scheduleTold('workflows.schedule_created', toSchedule(row)));
      return toSchedule(row);
    });
  }

  /**
   * Honours If-Match. Changed by its maker, it takes the workflow's present version and the rights of this change: those of another key, or
   * of the person.
   * @throws NotFound `workflows.schedule_not_found`, Forbidden `workflows.not_the_creator`, Invalid `workflows.invalid_schedule`
   */
  change(ctx: OrgContext, id: ScheduleId, patch: PatchSchedule): Promise<Schedule> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.schedules.lock(tx, ctx, id);
      assertMayChange(ctx, before);
      assertUnchanged(ctx, before);
      const isMaker = before.createdBy === maker(ctx);
      if (patch.input !== undefined && !isMaker)
        throw new Forbidden('workflows.not_the_creator', 'Its runs have the rights of its maker, who alone says what they are given.');
      const { version } = await this.workflows.get(tx, ctx, before.workflowId);
      const row: ScheduleRow = {
        ...before,
        cron: patch.cron ?? before.cron,
        timeZone: patch.timeZone ?? before.timeZone,
        enabled: patch.enabled ?? before.enabled,
        input: patch.input === undefined ? before.input : storable(patch.input),
      };
      const fields = (['cron', 'timeZone', 'enabled', 'input'] as const).filter((name) => !isDeepStrictEqual(row[name], before[name]));
      if (fields.length === 0) return toSchedule(before);
      const nextAt = nextTime(row.cron, row.timeZone, new Date());
      // Who is not its maker may change when it runs, not what or as whom: version and rights stay those of its maker.
      const changed = {
        ...row,
        ...(isMaker ? { ...grantOf(ctx), version, failureCode: null } : {}),
        nextAt: row.enabled ? nextAt : null,
        updatedAt: later(before.updatedAt),
      };
      await this.schedules.update(tx, ctx, changed);
      const changes = fields.map((name): [string, [string | boolean, string | boolean]] =>
        name === 'input' ? [name, ['[text]', '[text]']] : [name, [before[name], row[name]]],
      );
      await this.events.append(tx, ctx, scheduleTold('workflows.schedule_changed', toSchedule(changed), Object.fromEntries(changes)));
      return toSchedule(changed);
    });
  }

  /** @throws NotFound `workflows.schedule_not_found`, Forbidden `workflows.not_the_creator` */
  async remove(ctx: OrgContext, id: ScheduleId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.schedules.lock(tx, ctx, id);
      assertMayChange(ctx, row);
      await this.schedules.remove(tx, ctx, id);
      await this.events.append(tx, ctx, scheduleTold('workflows.schedule_removed', toSchedule(row)));
    });
  }

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<Schedule>> {
    const before = decodeCursor(cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.schedules.list(tx, ctx, before, limit + 1), limit, (last) => [last.id]);
      return listed({ data: data.map(toSchedule), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `workflows.schedule_not_found` */
  get(ctx: OrgContext, id: ScheduleId): Promise<Schedule> {
    return this.db.readInOrg(ctx, async (tx) => toSchedule(await this.schedules.get(tx, ctx, id)));
  }

  /**
   * Starts the run of a time that has come, once however many processes try. What was missed while nothing ran is made up for by one run.
   * A schedule whose maker may no longer run workflows, or whose key is gone, is turned off; every other refusal is for this time only. Both
   * are told by the schedule and its event.
   */
  async fire(system: OrgContext, id: ScheduleId): Promise<void> {
    const due = await this.db.readInOrg(system, (tx) => this.schedules.get(tx, system, id));
    const time = due.nextAt;
    if (!due.enabled || time === null || time > new Date()) return;
    const { agentId, createdBy, permissions, apiKeyId } = due;
    const acting = agentId === null ? { actorKind: 'user', actorId: createdBy } : { actorKind: 'agent', actorId: agentId };
    const reason = { kind: 'schedule' as const, version: due.version, startKey: `schedule:${id}:${time.toISOString()}` };
    let refusal: DomainError | null = null;
    try {
      const ctx = await this.actor.of(system, { ...acting, personId: createdBy, permissions, apiKeyId });
      await this.starts.start(ctx, due.workflowId as WorkflowId, due.input as Record<string, unknown>, reason);
    } catch (error) {
      if (!(error instanceof DomainError) || error.retryable) throw error;
      refusal = error;
      this.log.warn('a schedule could not start its run', { id, orgId: system.orgId, reason: error.code });
    }
    await this.db.inOrg(system, async (tx) => {
      const row = await this.schedules.lock(tx, system, id);
      if (row.nextAt?.getTime() !== time.getTime()) return;
      const isOver = refusal?.kind === 'Forbidden';
      const next = {
        ...row,
        lastAt: time,
        failureCode: refusal?.code ?? null,
        enabled: row.enabled && !isOver,
        nextAt: isOver ? null : nextTime(row.cron, row.timeZone, new Date()),
      };
      await this.schedules.update(tx, system, next);
      const changes = {
        ...(isOver ? { enabled: [true, false] as [boolean, boolean] } : {}),
        failureCode: [row.failureCode, next.failureCode] as [string | null, string | null],
      };
      if (next.failureCode !== row.failureCode || isOver)
        await this.events.append(tx, system, scheduleTold('workflows.schedule_changed', toSchedule(next), changes));
    });
  }
}

/** As whom and with which rights the runs act: those of the credential that makes or changes the schedule. */
const grantOf = ({ principal, permissions, credential }: OrgContext) => ({
  agentId: principal.kind === 'agent' ? principal.id : null,
  apiKeyId: credential?.kind === 'api_key' ? credential.id : null,
  permissions: [...permissions],
});
