import { Injectable } from '@nestjs/common';
import { isUniqueViolation, type Tx } from '@atrium/platform/db';
import { Conflict, NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { McpServerRow } from './mcp-server.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `mcp_servers`. */
@Injectable()
export class McpServerRepository {
  find(tx: Tx, { orgId }: Org, id: string): Promise<McpServerRow | null> {
    return tx.mcpServer.findFirst({ where: { orgId, id } });
  }

  /** @throws NotFound `mcp-servers.not_found` */
  async get(tx: Tx, ctx: Org, id: string): Promise<McpServerRow> {
    const row = await this.find(tx, ctx, id);
    if (!row) throw new NotFound('mcp-servers.not_found', 'There is no such MCP server.');
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `mcp-servers.not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<McpServerRow> {
    await tx.$queryRaw`SELECT 1 FROM mcp_servers WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** By name; `after` is a name, exclusive. */
  list(tx: Tx, { orgId }: Org, after: string, limit: number): Promise<McpServerRow[]> {
    return tx.mcpServer.findMany({ where: { orgId, name: { gt: after } }, orderBy: { name: 'asc' }, take: limit });
  }

  /** Locks the organization's servers as a whole, and counts them. */
  async lockedCount(tx: Tx, { orgId }: Org): Promise<number> {
    await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`${orgId}|mcp_servers`}, 2))`;
    return tx.mcpServer.count({ where: { orgId } });
  }

  /** @throws Conflict `mcp-servers.name_taken` */
  async insert(tx: Tx, row: McpServerRow): Promise<void> {
    try {
      await tx.mcpServer.createMany({ data: row });
    } catch (error) {
      if (isUniqueViolation(error)) throw new Conflict('mcp-servers.name_taken', 'An MCP server of this name exists. Choose another name.');
      throw error;
    }
  }

  async update(tx: Tx, { orgId, id, ...columns }: McpServerRow): Promise<void> {
    await tx.mcpServer.updateMany({ where: { orgId, id }, data: columns });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.mcpServer.deleteMany({ where: { orgId, id } });
  }
}
