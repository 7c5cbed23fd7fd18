import { Readable } from 'node:stream';
import { Injectable, StreamableFile } from '@nestjs/common';
import type { AuditExportQuery, AuditRow } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events, LogReader } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { csvHeader, toCsv, toNdjson } from './audit-format.js';

/** Records that are read and written at once: bounds the memory of an export of any size. */
const PAGE = 500;

/** Writes the log out. */
@Injectable()
export class AuditExportService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly log: LogReader,
  ) {}

  /**
   * A file of the records that the filter meets, newest first, up to the moment of the call. That it was taken is told by `audit.exported`,
   * before the first byte leaves. Each page is a transaction of its own, so a slow reader holds none open.
   */
  async export(ctx: OrgContext, { format, ...filter }: AuditExportQuery): Promise<StreamableFile> {
    const { seq } = await this.db.inOrg(ctx, (tx) =>
      this.events.append(tx, ctx, {
        type: 'audit.exported',
        subject: { kind: 'organization', id: ctx.orgId },
        audience: 'nobody',
        data: { format, filter: { ...filter } },
      }),
    );
    const pages = this.pages(ctx, filter, seq);
    return new StreamableFile(Readable.from(format === 'csv' ? csvOf(pages) : ndjsonOf(pages)), {
      type: format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson',
      disposition: `attachment; filename="audit-${seq}.${format}"`,
    });
  }

  private async *pages(ctx: OrgContext, filter: Omit<AuditExportQuery, 'format'>, end: number): AsyncGenerator<AuditRow[]> {
    for (let before = end; ;) {
      const at = before;
      const rows = await this.db.readInOrg(ctx, (tx) => this.log.list(tx, ctx, { ...filter, before: at }, PAGE));
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (rows.length < PAGE || !last) return;
      before = last.seq;
    }
  }
}

async function* csvOf(pages: AsyncIterable<AuditRow[]>): AsyncGenerator<string> {
  yield csvHeader();
  for await (const rows of pages) yield toCsv(rows);
}

async function* ndjsonOf(pages: AsyncIterable<AuditRow[]>): AsyncGenerator<string> {
  for await (const rows of pages) yield toNdjson(rows);
}
