import { Injectable } from '@nestjs/common';
import type { Page, PageQuery, Tool } from '@atrium/contracts';
import { decodeCursor, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';

@Injectable()
export class ToolsQueries {
  constructor(private readonly tools: ToolRegistry) {}

  /** By name. */
  async list(ctx: OrgContext, query: PageQuery): Promise<Page<Tool>> {
    const after = decodeCursor(query.cursor, ['string'])?.[0] ?? '';
    return pageOf(await this.tools.page(ctx, after, query.limit + 1), query.limit, (last) => [last.name]);
  }
}
