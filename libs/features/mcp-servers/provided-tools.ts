import { Injectable, type OnModuleInit } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { McpToolEffect, Tool as ToolShape } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Conflict, DomainError } from '@atrium/platform/errors';
import { Events, type JsonObject } from '@atrium/platform/events';
import { agentRunOf, type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { type OfferedTool, ToolRegistry, type ToolProvider } from '@atrium/platform/tools';
import { ForeignServers, type ToolAnswer } from './foreign-servers.js';
import type { McpServerRow } from './mcp-server.js';
import { McpServerRepository } from './mcp-server.repository.js';
import { McpServersService } from './mcp-servers.service.js';
import { checkerOf, EFFECTS, type ServerToolRow, toolTold } from './server-tool.js';
import { ServerToolRepository } from './server-tool.repository.js';

const Answer = z.strictObject({
  /** What the tool said; what is no text in it is named only. */
  text: z.string(),
  /** The same for programs, where the tool has it and it is not too large. */
  structured: z.json(),
});

/** The allowed tools of an organization's MCP servers, in the registry. */
@Injectable()
export class ProvidedTools implements ToolProvider, OnModuleInit {
  readonly permission = 'agents:run' as const;

  constructor(
    private readonly registry: ToolRegistry,
    private readonly db: Db,
    private readonly events: Events,
    private readonly servers: McpServerRepository,
    private readonly tools: ServerToolRepository,
    private readonly service: McpServersService,
    private readonly foreign: ForeignServers,
  ) {}

  onModuleInit(): void {
    this.registry.provide(this);
  }

  async names(ctx: OrgContext): Promise<string[]> {
    const found = await this.db.readInOrg(ctx, (tx) => this.tools.callableNames(tx, ctx));
    return found.filter(({ effect }) => mayReach(ctx, effect)).map(({ tool }) => tool);
  }

  known(ctx: OrgContext, names: readonly string[]): Promise<string[]> {
    return this.db.readInOrg(ctx, (tx) => this.tools.known(tx, ctx, names));
  }

  async offered(ctx: OrgContext, names: readonly string[]): Promise<OfferedTool[]> {
    const rows = await this.db.readInOrg(ctx, (tx) => this.tools.callable(tx, ctx, names));
    return rows.filter(({ effect }) => mayReach(ctx, effect)).map((row) => this.offer(row));
  }

  private offer(row: ServerToolRow): OfferedTool {
    const inputSchema = row.inputSchema as ToolShape['inputSchema'];
    const tool: OfferedTool['tool'] = {
      name: row.tool,
      description: `Tool ${row.name} of another server: ${row.description}`,
      input: argumentsOf(inputSchema),
      output: Answer,
      permission: this.permission,
      version: row.hash,
      effects: EFFECTS[row.effect as McpToolEffect],
      run: (ctx: OrgContext, args: Record<string, unknown>) => this.call(ctx, row, args),
    };
    const { name, description, permission, effects } = tool;
    return { tool, shape: { name, description, permission, effects: [...effects], inputSchema, outputSchema: ANSWER_SCHEMA } };
  }

  /**
   * Asks the server what the tool is now, and calls it only if that is what was reviewed.
   * @throws Conflict `mcp-servers.tool_changed`, `tools.outcome_unknown`, and what a visit throws
   */
  private async call(ctx: OrgContext, row: ServerToolRow, args: Record<string, unknown>): Promise<ToolAnswer> {
    const server = await this.db.readInOrg(ctx, (tx) => this.servers.get(tx, ctx, row.serverId));
    return this.foreign.visit(server, async (visit) => {
      const found = await visit.tools();
      const now = found.find(({ name }) => name === row.name);
      if (now?.hash !== row.hash) {
        await this.service.keepFound(systemContext(ctx.orgId, ctx.requestId), server, found);
        throw changed(row);
      }
      const callId = await this.begin(ctx, server, row);
      return visit.call(now, args, callId).catch((error: unknown) => {
        throw outcomeOf(row, error);
      });
    });
  }

  /** Writes down that the call is made, before it is. A key that was used before is that of a call which may have happened. */
  private async begin(ctx: OrgContext, server: McpServerRow, row: ServerToolRow): Promise<string> {
    const claiming = row.effect === 'reads' ? { ...ctx, idempotency: null } : ctx;
    const callId = await this.db.inOrg(claiming, async (tx) => {
      const { enabled, url } = await this.servers.get(tx, ctx, server.id);
      const current = await this.tools.lock(tx, ctx, server.id, row.id);
      if (!enabled || url !== server.url || current.state !== 'allowed' || current.hash !== row.hash) throw changed(row);
      const id = uuidv7();
      await this.events.append(tx, ctx, toolTold('mcp-servers.tool_called', current, { data: { callId: id } }));
      return id;
    });
    if (claiming.idempotency?.replayed) throw unknown(`The call of ${row.tool} was begun before.`);
    return callId;
  }
}

/** An agent has somebody to ask before something leaves in its runs only: not by a key of its own, nor in a workflow that one started. */
function mayReach(ctx: OrgContext, effect: string): boolean {
  return effect !== 'outward' || ctx.principal.kind !== 'agent' || agentRunOf(ctx) !== null;
}

/** Arguments as the bounded schema wants them. */
function argumentsOf(schema: JsonObject): z.ZodType {
  return z.record(z.string(), z.json()).superRefine((args, check) => {
    for (const { pointer, message } of checkerOf(schema)(args))
      check.addIssue({ code: 'custom', path: pointer.split('/').slice(1), message });
  });
}

const ANSWER_SCHEMA = z.toJSONSchema(Answer) as ToolShape['outputSchema'];

const changed = ({ tool }: ServerToolRow) =>
  new Conflict('mcp-servers.tool_changed', `${tool} is not what was reviewed, or is gone. An administrator has to review it.`);

const unknown = (what: string) => new Conflict('tools.outcome_unknown', `${what} It may have happened.`);

/** Of a call that was sent and not answered, nobody knows whether it happened; one that only reads may be made again. */
function outcomeOf({ effect }: ServerToolRow, error: unknown): unknown {
  const wasSent = error instanceof DomainError && error.options.params?.['sent'] === true;
  return wasSent && effect !== 'reads' ? unknown(error.message) : error;
}
