import { Injectable } from '@nestjs/common';
import { Prisma, type Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { ServerToolRow } from './server-tool.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `mcp_server_tools`. */
@Injectable()
export class ServerToolRepository {
  /** Those of one server, by name in the registry. */
  all(tx: Tx, { orgId }: Org, serverId: string): Promise<ServerToolRow[]> {
    return tx.mcpServerTool.findMany({ where: { orgId, serverId }, orderBy: { tool: 'asc' } });
  }

  /** The same, page by page; `after` is a name in the registry, exclusive. */
  list(tx: Tx, { orgId }: Org, serverId: string, after: string, limit: number): Promise<ServerToolRow[]> {
    return tx.mcpServerTool.findMany({ where: { orgId, serverId, tool: { gt: after } }, orderBy: { tool: 'asc' }, take: limit });
  }

  /** Those that can be called, of servers that are turned on, without what they say of themselves. */
  callableNames(tx: Tx, { orgId }: Org): Promise<Pick<ServerToolRow, 'tool' | 'effect'>[]> {
    return tx.$queryRaw<Pick<ServerToolRow, 'tool' | 'effect'>[]>`
      SELECT t.tool, t.effect FROM mcp_server_tools t JOIN mcp_servers s ON s.org_id = t.org_id AND s.id = t.server_id
      WHERE t.org_id = ${orgId}::uuid AND t.state = 'allowed' AND t.missing_since IS NULL AND s.enabled`;
  }

  /** Of these names those that there are, in whatever state. */
  async known(tx: Tx, { orgId }: Org, tools: readonly string[]): Promise<string[]> {
    return (await tx.mcpServerTool.findMany({ where: { orgId, tool: { in: [...tools] } }, select: { tool: true } })).map(
      ({ tool }) => tool,
    );
  }

  /** Those of these names that can be called, whole. */
  callable(tx: Tx, { orgId }: Org, tools: readonly string[]): Promise<ServerToolRow[]> {
    return tx.$queryRaw<ServerToolRow[]>`
      SELECT t.org_id AS "orgId", t.id, t.server_id AS "serverId", t.name, t.tool, t.description, t.input_schema AS "inputSchema", t.annotations,
        t.hash, t.state, t.effect, t.unusable, t.reviewed, t.missing_since AS "missingSince", t.created_at AS "createdAt", t.updated_at AS "updatedAt"
      FROM mcp_server_tools t JOIN mcp_servers s ON s.org_id = t.org_id AND s.id = t.server_id
      WHERE t.org_id = ${orgId}::uuid AND t.state = 'allowed' AND t.missing_since IS NULL AND s.enabled
        AND t.tool = ANY (${[...tools]}::text[])`;
  }

  /** Locked until the commit. @throws NotFound `mcp-servers.tool_not_found` */
  async lock(tx: Tx, { orgId }: Org, serverId: string, id: string): Promise<ServerToolRow> {
    await tx.$queryRaw`SELECT 1 FROM mcp_server_tools WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    const row = await tx.mcpServerTool.findFirst({ where: { orgId, serverId, id } });
    if (!row) throw new NotFound('mcp-servers.tool_not_found', 'The server has no such tool.');
    return row;
  }

  async insert(tx: Tx, rows: readonly ServerToolRow[]): Promise<void> {
    await tx.mcpServerTool.createMany({ data: rows.map(written) });
  }

  async update(tx: Tx, row: ServerToolRow): Promise<void> {
    const { orgId, id, ...columns } = written(row);
    await tx.mcpServerTool.updateMany({ where: { orgId, id }, data: columns });
  }

  async remove(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<void> {
    await tx.mcpServerTool.deleteMany({ where: { orgId, id: { in: [...ids] } } });
  }
}

const written = (row: ServerToolRow) => ({
  ...row,
  inputSchema: row.inputSchema as Prisma.InputJsonValue,
  annotations: row.annotations as Prisma.InputJsonValue,
  reviewed: row.reviewed === null ? Prisma.DbNull : (row.reviewed as Prisma.InputJsonValue),
});
