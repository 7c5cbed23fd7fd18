import { Injectable } from '@nestjs/common';
import type { HttpTool, HttpToolId, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toHttpTool } from './http-tool.js';
import { HttpToolRepository } from './http-tool.repository.js';

/** Reads HTTP tools. */
@Injectable()
export class HttpToolsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly tools: HttpToolRepository,
  ) {}

  /** By name. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<HttpTool>> {
    const after = decodeCursor(cursor, ['string'])?.[0] ?? '';
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.tools.list(tx, ctx, after, limit + 1), limit, (last) => [last.name]);
      return listed({ data: data.map(toHttpTool), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `http-tools.not_found` */
  get(ctx: OrgContext, id: HttpToolId): Promise<HttpTool> {
    return this.db.readInOrg(ctx, async (tx) => toHttpTool(await this.tools.get(tx, ctx, id)));
  }
}
