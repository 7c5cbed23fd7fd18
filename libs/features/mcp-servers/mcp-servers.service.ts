import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type {
  CreateMcpServer,
  McpServer,
  McpServerId,
  McpServerTool,
  McpServerToolId,
  PatchMcpServer,
  ReviewMcpServerTool,
} from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, Invalid, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { McpCredentials } from './credentials.js';
import { ForeignServers } from './foreign-servers.js';
import { changesBetween, type McpServerRow, serverTold, toMcpServer } from './mcp-server.js';
import { McpServerRepository } from './mcp-server.repository.js';
import { comparison } from './refresh.js';
import { type FoundTool, type ServerToolRow, toolTold, toServerTool } from './server-tool.js';
import { ServerToolRepository } from './server-tool.repository.js';

const MAX_SERVERS = 50;

/** The commands on MCP servers and their tools. */
@Injectable()
export class McpServersService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly servers: McpServerRepository,
    private readonly tools: ServerToolRepository,
    private readonly credentials: McpCredentials,
    private readonly foreign: ForeignServers,
  ) {}

  /** Asks nobody yet: its tools come with `refresh`. @throws Conflict `mcp-servers.name_taken`, QuotaExceeded `mcp-servers.limit_reached` */
  create(ctx: OrgContext, { name, url, credential, enabled }: CreateMcpServer): Promise<McpServer> {
    return this.db.inOrg(ctx, async (tx) => {
      if ((await this.servers.lockedCount(tx, ctx)) >= MAX_SERVERS)
        throw new QuotaExceeded('mcp-servers.limit_reached', `An organization can have ${MAX_SERVERS} MCP servers. Remove one first.`, {
          retryable: false,
        });
      const at = new Date();
      const place = { orgId: ctx.orgId, id: uuidv7() };
      const sealed = this.credentials.seal(credential, place);
      const row = { ...place, name, url, enabled, ...sealed, refreshedAt: null, createdAt: at, updatedAt: at };
      await this.servers.insert(tx, row);
      await this.events.append(tx, ctx, serverTold('mcp-servers.created', row));
      return toMcpServer(row);
    });
  }

  /**
   * Honours If-Match. A credential goes to no other address than the one that it was given for, and what was allowed of one address has to
   * be reviewed at another.
   * @throws NotFound `mcp-servers.not_found`, Invalid `mcp-servers.credential_needed`, Conflict `request.precondition_failed`
   */
  change(ctx: OrgContext, id: McpServerId, { url, credential, enabled }: PatchMcpServer): Promise<McpServer> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.servers.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      const isMoved = url !== undefined && url !== before.url;
      if (isMoved && before.credential !== null && credential === undefined)
        throw new Invalid('mcp-servers.credential_needed', 'Give the credential for the new address, or null.', {
          places: [{ pointer: '/credential', message: 'is needed with another address' }],
        });
      const after = {
        ...before,
        url: url ?? before.url,
        enabled: enabled ?? before.enabled,
        ...(credential === undefined ? {} : this.credentials.seal(credential, before)),
        updatedAt: new Date(),
      };
      const changes = changesBetween(before, after);
      if (!changes) return toMcpServer(before);
      await this.servers.update(tx, after);
      if (isMoved) await this.distrust(tx, ctx, id);
      await this.events.append(tx, ctx, serverTold('mcp-servers.changed', after, { changes }));
      return toMcpServer(after);
    });
  }

  /**
   * With its tools, at once: calls under way are not stopped. Honours If-Match.
   * @throws NotFound `mcp-servers.not_found`, Conflict `request.precondition_failed`
   */
  async remove(ctx: OrgContext, id: McpServerId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.servers.lock(tx, ctx, id);
      assertUnchanged(ctx, row);
      await this.servers.remove(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'mcp_server', id });
      await this.events.append(tx, ctx, serverTold('mcp-servers.removed', row));
    });
  }

  /**
   * Asks the server for its tools. What is not as it was allowed waits for a review, and administrators are told.
   * @throws NotFound `mcp-servers.not_found`, Unavailable `mcp-servers.failed`, Forbidden `outbound.refused`, Conflict `mcp-servers.changed_meanwhile`,
   * QuotaExceeded `mcp-servers.busy`
   */
  async refresh(ctx: OrgContext, id: McpServerId): Promise<McpServer> {
    const server = await this.db.readInOrg(ctx, (tx) => this.servers.get(tx, ctx, id));
    const found = await this.foreign.visit(server, (visit) => visit.tools());
    return this.db.inOrg(ctx, async (tx) => {
      const told = await this.keep(tx, ctx, server, found);
      const after = { ...told, refreshedAt: new Date() };
      await this.servers.update(tx, after);
      return toMcpServer(after);
    });
  }

  /** What a call found, kept on Atrium's own account. @throws as `refresh` */
  async keepFound(system: OrgContext, server: McpServerRow, found: readonly FoundTool[]): Promise<void> {
    await this.db.inOrg(system, (tx) => this.keep(tx, system, server, found));
  }

  /**
   * Allows what was reviewed, which `hash` names, or blocks it.
   * @throws NotFound `mcp-servers.not_found`, `mcp-servers.tool_not_found`, Conflict `mcp-servers.tool_changed`, `mcp-servers.tool_unusable`
   */
  review(
    ctx: OrgContext,
    serverId: McpServerId,
    id: McpServerToolId,
    { state, hash, effect }: ReviewMcpServerTool,
  ): Promise<McpServerTool> {
    return this.db.inOrg(ctx, async (tx) => {
      await this.servers.get(tx, ctx, serverId);
      const before = await this.tools.lock(tx, ctx, serverId, id);
      assertUnchanged(ctx, before);
      if (before.hash !== hash) throw new Conflict('mcp-servers.tool_changed', 'The tool has changed since you read it. Read it again.');
      if (state === 'allowed' && before.unusable !== null)
        throw new Conflict('mcp-servers.tool_unusable', `The tool cannot be allowed: ${before.unusable}.`);
      const after = {
        ...before,
        state,
        effect: effect ?? before.effect,
        reviewed: state === 'allowed' ? definitionOf(before) : before.reviewed,
        updatedAt: new Date(),
      };
      if (after.state === before.state && after.effect === before.effect) return toServerTool(before);
      await this.tools.update(tx, after);
      const changes = { state: [before.state, after.state], effect: [before.effect, after.effect] } satisfies Record<
        string,
        [string, string]
      >;
      await this.events.append(tx, ctx, toolTold('mcp-servers.tool_reviewed', after, { changes }));
      return toServerTool(after);
    });
  }

  private async keep(tx: Tx, ctx: OrgContext, asked: McpServerRow, found: readonly FoundTool[]): Promise<McpServerRow> {
    const server = await this.servers.lock(tx, ctx, asked.id);
    if (server.url !== asked.url)
      throw new Conflict('mcp-servers.changed_meanwhile', 'The address was changed while the server was asked. Try again.', {
        retryable: true,
      });
    const { added, changed, missing, dropped, told } = comparison(server, await this.tools.all(tx, ctx, server.id), found, new Date());
    await this.tools.remove(tx, ctx, dropped);
    await this.tools.insert(tx, added);
    for (const row of [...changed, ...missing]) await this.tools.update(tx, row);
    const counts = { added: added.length, changed: changed.length, missing: missing.length };
    await this.events.appendMany(tx, ctx, [
      serverTold('mcp-servers.refreshed', server, { data: counts }),
      ...told.map((row) => toolTold('mcp-servers.tool_changed', row, { changes: { state: ['allowed', 'changed'] } })),
    ]);
    return server;
  }

  private async distrust(tx: Tx, ctx: OrgContext, serverId: string): Promise<void> {
    const allowed = (await this.tools.all(tx, ctx, serverId)).filter(({ state }) => state === 'allowed');
    for (const row of allowed) await this.tools.update(tx, { ...row, state: 'changed', updatedAt: new Date() });
  }
}

const definitionOf = ({ description, inputSchema, annotations }: ServerToolRow) => ({ description, inputSchema, annotations });
