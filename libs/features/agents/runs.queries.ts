import { Injectable } from '@nestjs/common';
import type { AgentRun, AgentRunId, AgentRunsQuery, AgentRunSummary, Page } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { isAdmin } from './approval.js';
import { maySeeRun, runFor, summaryFor } from './run-view.js';
import { AgentRunRepository, runNotFound } from './run.repository.js';

@Injectable()
export class AgentRunsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly runs: AgentRunRepository,
  ) {}

  /** One's own, newest first; administrators see all, without what others' runs read and said. */
  list(ctx: OrgContext, query: AgentRunsQuery): Promise<Page<AgentRunSummary>> {
    const before = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.runs.list(tx, ctx, isAdmin(ctx) ? null : personOf(ctx), query, before);
      const { data, nextCursor } = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ data: data.map((run) => summaryFor(ctx, run)), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** With what it did. @throws NotFound `agents.run_not_found` */
  get(ctx: OrgContext, id: AgentRunId): Promise<AgentRun> {
    return this.db.readInOrg(ctx, (tx) => this.view(tx, ctx, id));
  }

  /** @throws NotFound `agents.run_not_found` also for one that the reader may not see. */
  async view(tx: Tx, ctx: OrgContext, id: string): Promise<AgentRun> {
    const run = await this.runs.get(tx, ctx, id);
    if (!maySeeRun(ctx, run)) throw runNotFound();
    return runFor(ctx, run, await this.runs.steps(tx, ctx, id));
  }
}
