import { Injectable } from '@nestjs/common';
import type { Approval, ApprovalId, ApprovalsQuery, Page } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toApproval } from './approval.js';
import { ApprovalRepository } from './approval.repository.js';

@Injectable()
export class ApprovalsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly approvals: ApprovalRepository,
  ) {}

  /** Newest first: those that the caller decides or asked for; administrators see all. */
  list(ctx: OrgContext, query: ApprovalsQuery): Promise<Page<Approval>> {
    const before = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    const now = new Date();
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.approvals.list(tx, ctx, query, before, now);
      const { data, nextCursor } = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ data: data.map((row) => toApproval(row, now)), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `approvals.not_found` */
  get(ctx: OrgContext, id: ApprovalId): Promise<Approval> {
    return this.db.readInOrg(ctx, async (tx) => toApproval(await this.approvals.get(tx, ctx, id)));
  }
}
