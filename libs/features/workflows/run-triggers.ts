import { Injectable } from '@nestjs/common';
import { ROLE_PERMISSIONS, TRIGGER_EVENTS, type WorkflowId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { type LoggedEvent, OnEvent, toLiveEvent } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import { RealtimeHub } from '@atrium/platform/realtime';
import type { OrgContext } from '@atrium/platform/tenancy';
import { Expressions } from './expressions/expressions.js';
import type { JsonValue } from './expressions/language.js';
import { RunActor } from './run-actor.js';
import { RunStarts } from './run-starts.js';
import { RunRepository } from './run.repository.js';
import { bare } from './workflow-definition.js';
import { type VersionRow, WorkflowRepository } from './workflow.repository.js';

/** Starts workflows by events, and wakes runs by decisions. */
@Injectable()
export class RunTriggers {
  constructor(
    private readonly db: Db,
    private readonly log: Log,
    private readonly expressions: Expressions,
    private readonly workflows: WorkflowRepository,
    private readonly runs: RunRepository,
    private readonly starts: RunStarts,
    private readonly actor: RunActor,
    private readonly hub: RealtimeHub,
  ) {}

  @OnEvent('workflows.decisions', 'approvals.decided')
  async wakeBy(ctx: OrgContext, { subject }: LoggedEvent): Promise<void> {
    const waiting = await this.db.readInOrg(ctx, (tx) => this.runs.waitingFor(tx, ctx, subject.id));
    for (const runId of waiting) await this.starts.wake(ctx, runId);
  }

  @OnEvent('workflows.agents', ['agents.run_succeeded', 'agents.run_failed', 'agents.run_cancelled'])
  async wakeByAgent(ctx: OrgContext, { subject, data }: LoggedEvent): Promise<void> {
    if (data['trigger'] !== 'workflow') return;
    const waiting = await this.db.readInOrg(ctx, (tx) => this.runs.waitingForChild(tx, ctx, subject.id));
    for (const runId of waiting) await this.starts.wake(ctx, runId);
  }

  @OnEvent('workflows.triggers', TRIGGER_EVENTS)
  async startBy(system: OrgContext, event: LoggedEvent): Promise<void> {
    const versions = await this.db.readInOrg(system, async (tx) => {
      const definitions = await this.workflows.definitions(tx, system, await this.workflows.triggeredBy(tx, system, event.type));
      return [...definitions.values()];
    });
    if (versions.length === 0) return;
    const viewOf = await this.hub.views(system.orgId);
    for (const version of versions) await this.startOne({ ...system, via: event.via }, event, version, viewOf);
  }

  /** With the rights of who published the version, and only for what that person may read. A refusal is no fault: it would come again. */
  private async startOne(
    system: OrgContext,
    event: LoggedEvent,
    { workflowId, number, createdBy, definition }: VersionRow,
    viewOf: Awaited<ReturnType<RealtimeHub['views']>>,
  ): Promise<void> {
    const live = toLiveEvent(event, null) as unknown as JsonValue;
    try {
      const ctx = await this.actor.of(system, {
        actorKind: 'user',
        actorId: createdBy,
        personId: createdBy,
        permissions: [...ROLE_PERMISSIONS.owner],
      });
      if (viewOf(ctx)(event) === null || !(await this.wants(ctx, definition.triggers, event.type, live))) return;
      const reason = { kind: 'event' as const, version: number, startKey: `event:${event.id}:${workflowId}` };
      await this.starts.start(ctx, workflowId as WorkflowId, { event: live }, reason);
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'request.database_unavailable') throw error;
      this.log.warn('an event did not start its workflow', { id: workflowId, orgId: system.orgId, reason: error.code });
    }
  }

  private async wants(ctx: OrgContext, triggers: VersionRow['definition']['triggers'], type: string, event: JsonValue): Promise<boolean> {
    for (const { when } of triggers.filter((trigger) => trigger.event === type)) {
      if (when === undefined || (await this.expressions.evaluate(ctx.orgId, bare(when), { event })) === true) return true;
    }
    return false;
  }
}
