import { Injectable } from '@nestjs/common';
import type { Page, WorkflowRun, WorkflowRunId, WorkflowRunsQuery, WorkflowRunSummary } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toRun, toSummary } from './run-view.js';
import { RunRepository } from './run.repository.js';

@Injectable()
export class RunsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly runs: RunRepository,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, query: WorkflowRunsQuery): Promise<Page<WorkflowRunSummary>> {
    const before = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.runs.list(tx, ctx, query, before), query.limit, (last) => [last.id]);
      return listed({ data: data.map((run) => toSummary(ctx, run)), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `workflows.run_not_found` */
  get(ctx: OrgContext, id: WorkflowRunId): Promise<WorkflowRun> {
    return this.db.readInOrg(ctx, async (tx) => {
      const run = await this.runs.get(tx, ctx, id);
      return toRun(ctx, run, await this.runs.definition(tx, ctx, run), await this.runs.steps(tx, ctx, id));
    });
  }
}
