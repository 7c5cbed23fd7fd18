import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { ForeignToolEffect } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Conflict } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { type OrgContext, systemFor } from '@atrium/platform/tenancy';
import { begun, type ForeignAnswer, type ForeignTool, ForeignTools, outcomeOf, ToolRegistry } from '@atrium/platform/tools';
import { ForeignServers } from './foreign-servers.js';
import type { McpServerRow } from './mcp-server.js';
import { McpServerRepository } from './mcp-server.repository.js';
import { McpServersService } from './mcp-servers.service.js';
import { type ServerToolRow, toolTold } from './server-tool.js';
import { ServerToolRepository } from './server-tool.repository.js';

/** The allowed tools of an organization's MCP servers, in the registry. */
@Injectable()
export class ProvidedTools extends ForeignTools {
  constructor(
    registry: ToolRegistry,
    private readonly db: Db,
    private readonly events: Events,
    private readonly servers: McpServerRepository,
    private readonly tools: ServerToolRepository,
    private readonly service: McpServersService,
    private readonly foreign: ForeignServers,
  ) {
    super(registry);
  }

  protected callableNames(ctx: OrgContext): Promise<{ tool: string; effect: string }[]> {
    return this.db.readInOrg(ctx, (tx) => this.tools.callableNames(tx, ctx));
  }

  known(ctx: OrgContext, names: readonly string[]): Promise<string[]> {
    return this.db.readInOrg(ctx, (tx) => this.tools.known(tx, ctx, names));
  }

  protected async callable(ctx: OrgContext, names: readonly string[]): Promise<ForeignTool[]> {
    const rows = await this.db.readInOrg(ctx, (tx) => this.tools.callable(tx, ctx, names));
    return rows.map((row) => ({
      name: row.tool,
      description: `Tool ${row.name} of another server: ${row.description}`,
      inputSchema: row.inputSchema as ForeignTool['inputSchema'],
      version: row.hash,
      effect: row.effect as ForeignToolEffect,
      run: (caller, args) => this.call(caller, row, args),
    }));
  }

  /**
   * Asks the server what the tool is now, and calls it only if that is what was reviewed.
   * @throws Conflict `mcp-servers.tool_changed`, `tools.outcome_unknown`, and what a visit throws
   */
  private async call(ctx: OrgContext, row: ServerToolRow, args: Record<string, unknown>): Promise<ForeignAnswer> {
    const server = await this.db.readInOrg(ctx, (tx) => this.servers.get(tx, ctx, row.serverId));
    return this.foreign.visit(server, async (visit) => {
      const found = await visit.tools();
      const now = found.find(({ name }) => name === row.name);
      if (now?.hash !== row.hash) {
        await this.service.keepFound(systemFor(ctx), server, found);
        throw changed(row);
      }
      const callId = await this.begin(ctx, server, row);
      return visit.call(now, args, callId).catch((error: unknown) => {
        throw outcomeOf(row.effect, error);
      });
    });
  }

  private begin(ctx: OrgContext, server: McpServerRow, row: ServerToolRow): Promise<string> {
    return begun(this.db, ctx, { name: row.tool, effect: row.effect }, async (tx) => {
      const { enabled, url } = await this.servers.get(tx, ctx, server.id);
      const current = await this.tools.lock(tx, ctx, server.id, row.id);
      if (!enabled || url !== server.url || current.state !== 'allowed' || current.hash !== row.hash) throw changed(row);
      const callId = uuidv7();
      await this.events.append(tx, ctx, toolTold('mcp-servers.tool_called', current, { data: { callId } }));
      return callId;
    });
  }
}

const changed = ({ tool }: ServerToolRow) =>
  new Conflict('mcp-servers.tool_changed', `${tool} is not what was reviewed, or is gone. An administrator has to review it.`);
