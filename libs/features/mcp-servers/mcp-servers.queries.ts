import { Injectable } from '@nestjs/common';
import type { McpServer, McpServerId, McpServerTool, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toMcpServer } from './mcp-server.js';
import { McpServerRepository } from './mcp-server.repository.js';
import { toServerTool } from './server-tool.js';
import { ServerToolRepository } from './server-tool.repository.js';

/** Reads MCP servers and what they offer. */
@Injectable()
export class McpServersQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly servers: McpServerRepository,
    private readonly tools: ServerToolRepository,
  ) {}

  /** By name. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<McpServer>> {
    const after = decodeCursor(cursor, ['string'])?.[0] ?? '';
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.servers.list(tx, ctx, after, limit + 1), limit, (last) => [last.name]);
      return listed({ data: data.map(toMcpServer), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `mcp-servers.not_found` */
  get(ctx: OrgContext, id: McpServerId): Promise<McpServer> {
    return this.db.readInOrg(ctx, async (tx) => toMcpServer(await this.servers.get(tx, ctx, id)));
  }

  /** By name in the registry. @throws NotFound `mcp-servers.not_found` */
  toolsOf(ctx: OrgContext, id: McpServerId, { limit, cursor }: PageQuery): Promise<Page<McpServerTool>> {
    const after = decodeCursor(cursor, ['string'])?.[0] ?? '';
    return this.db.readInOrg(ctx, async (tx) => {
      await this.servers.get(tx, ctx, id);
      const { data, nextCursor } = pageOf(await this.tools.list(tx, ctx, id, after, limit + 1), limit, (last) => [last.tool]);
      return listed({ data: data.map(toServerTool), nextCursor }, await this.events.head(tx, ctx));
    });
  }
}
