import { Injectable } from '@nestjs/common';
import type {
  Page,
  PageQuery,
  UserId,
  Workflow,
  WorkflowDefinition,
  WorkflowFailures,
  WorkflowId,
  WorkflowRunId,
  WorkflowVersion,
} from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { RunRepository } from './run.repository.js';
import { type VersionRow, WorkflowRepository } from './workflow.repository.js';
import { toWorkflow } from './workflows.service.js';

@Injectable()
export class WorkflowsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly workflows: WorkflowRepository,
    private readonly runs: RunRepository,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<Workflow>> {
    const before = decodeCursor(cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.workflows.list(tx, ctx, before, limit + 1), limit, (last) => [last.id]);
      const definitions = await this.workflows.definitions(tx, ctx, data);
      const views = data.map((row) => toWorkflow(row, definitions.get(row.id)?.definition ?? ({} as WorkflowDefinition)));
      return listed({ data: views, nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `workflows.not_found` */
  get(ctx: OrgContext, id: WorkflowId): Promise<Workflow> {
    return this.db.readInOrg(ctx, async (tx) => {
      const row = await this.workflows.get(tx, ctx, id);
      return toWorkflow(row, (await this.workflows.version(tx, ctx, id, row.version)).definition);
    });
  }

  /** Newest first. @throws NotFound `workflows.not_found` */
  versions(ctx: OrgContext, id: WorkflowId, { limit, cursor }: PageQuery): Promise<Page<WorkflowVersion>> {
    const before = decodeCursor(cursor, ['int'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      await this.workflows.get(tx, ctx, id);
      const rows = await this.workflows.versions(tx, ctx, id, before, limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.number]);
      return listed({ data: data.map(toVersion), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `workflows.not_found`, `workflows.version_not_found` */
  version(ctx: OrgContext, id: WorkflowId, number: number): Promise<WorkflowVersion> {
    return this.db.readInOrg(ctx, async (tx) => {
      await this.workflows.get(tx, ctx, id);
      return toVersion(await this.workflows.version(tx, ctx, id, number));
    });
  }

  /** Where and how its runs failed, the most frequent first. @throws NotFound `workflows.not_found` */
  failures(ctx: OrgContext, id: WorkflowId): Promise<WorkflowFailures> {
    return this.db.readInOrg(ctx, async (tx) => {
      await this.workflows.get(tx, ctx, id);
      const rows = await this.runs.failures(tx, ctx, id);
      return { data: rows.map((row) => ({ ...row, lastRunId: row.lastRunId as WorkflowRunId, lastSeenAt: row.lastSeenAt.toISOString() })) };
    });
  }
}

function toVersion({ number, definition, createdBy, createdAt }: VersionRow): WorkflowVersion {
  return {
    number,
    definition: definition,
    createdBy: createdBy as UserId,
    createdAt: createdAt.toISOString(),
  };
}
