import { Injectable } from '@nestjs/common';
import type { AuditQuery, AuditRow, AuditVerification, Page } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events, LogReader, Verifier } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';

/** The organization's log as its auditors see it. */
@Injectable()
export class AuditQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly log: LogReader,
    private readonly verifier: Verifier,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor, ...filter }: AuditQuery): Promise<Page<AuditRow>> {
    const before = decodeCursor(cursor, ['number'])?.[0];
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.log.list(tx, ctx, { ...filter, before }, limit + 1);
      return listed(
        pageOf(rows, limit, (last) => [last.seq]),
        await this.events.head(tx, ctx),
      );
    });
  }

  /** Recomputes the whole chain. */
  verify(ctx: OrgContext): Promise<AuditVerification> {
    return this.verifier.verify(ctx);
  }
}
