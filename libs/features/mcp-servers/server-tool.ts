import { createHash } from 'node:crypto';
import type { ForeignToolEffect, McpServerId, McpServerTool, McpServerToolId, McpToolState } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { canonicalJson, type EventDraft, type JsonObject } from '@atrium/platform/events';
import { boundedSchema, oneLine, SchemaRefused } from '@atrium/platform/tools';

/** A row of `mcp_server_tools`. */
export type ServerToolRow = NonNullable<Awaited<ReturnType<Tx['mcpServerTool']['findFirst']>>>;

const MAX_DESCRIPTION_CHARS = 1_000;
/** As in the contract of agents. */
const MAX_NAME_CHARS = 64;
const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];

/** A tool as a server lists it, of which nothing is known but that it has a name. */
export type ListedTool = { name: string } & Record<string, unknown>;

/** A tool as it was found: what is kept of it, and the hash of all of it. */
export interface FoundTool {
  name: string;
  definition: { description: string; inputSchema: JsonObject; annotations: JsonObject };
  hash: string;
  unusable: string | null;
  /** As the server lists it. */
  listed: ListedTool;
}

export function foundTool(listed: ListedTool): FoundTool {
  const { name, description, inputSchema, annotations } = listed;
  const hash = hashOf(listed);
  const found = { name, hash: hash ?? UNREADABLE, listed };
  const definition = {
    description: oneLine(typeof description === 'string' ? description : '', MAX_DESCRIPTION_CHARS),
    inputSchema: {},
    annotations: hintsOf(annotations),
  };
  if (hash === null) return { ...found, definition, unusable: 'what it says of itself is nested too deeply' };
  try {
    return { ...found, definition: { ...definition, inputSchema: boundedSchema(inputSchema) }, unusable: null };
  } catch (error) {
    return { ...found, definition, unusable: error instanceof SchemaRefused ? error.message : 'its schema cannot be read' };
  }
}

/** Stands for the hash of what cannot be read whole; such a tool is unusable. */
const UNREADABLE = '0'.repeat(64);

/** Null of what cannot be read whole, because it is nested too deeply. */
function hashOf(listed: ListedTool): string | null {
  const { name: _name, _meta, ...said } = listed;
  const sha256 = createHash('sha256');
  try {
    return sha256.update(canonicalJson(said)).digest('hex');
  } catch {
    return null;
  }
}

function hintsOf(annotations: unknown): JsonObject {
  const said = (typeof annotations === 'object' && annotations !== null ? annotations : {}) as Record<string, unknown>;
  return Object.fromEntries(HINTS.flatMap((hint) => (typeof said[hint] === 'boolean' ? [[hint, said[hint]]] : [])));
}

/** The name in the registry: the server's own where it can be, else what is left of it with a mark that tells it from others. */
export function registryName(server: string, name: string): string {
  const room = MAX_NAME_CHARS - server.length - 2;
  if (/^[a-z0-9_]+$/.test(name) && name.length <= room) return `${server}__${name}`;
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const rest = name.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return `${server}__${rest.slice(0, room - mark.length - 1)}_${mark}`;
}

export function toServerTool(row: ServerToolRow): McpServerTool {
  return {
    id: row.id as McpServerToolId,
    serverId: row.serverId as McpServerId,
    name: row.name,
    tool: row.tool,
    description: row.description,
    inputSchema: row.inputSchema as McpServerTool['inputSchema'],
    annotations: row.annotations as McpServerTool['annotations'],
    hash: row.hash,
    state: row.state as McpToolState,
    effect: row.effect as ForeignToolEffect,
    unusable: row.unusable,
    reviewed: row.reviewed as McpServerTool['reviewed'],
    missingSince: row.missingSince?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

type Told = 'mcp-servers.tool_changed' | 'mcp-servers.tool_reviewed' | 'mcp-servers.tool_called';

export function toolTold(
  type: Told,
  { id, serverId, tool, state, effect, hash }: ServerToolRow,
  more: Pick<EventDraft, 'changes' | 'data'>,
): EventDraft {
  return {
    type,
    subject: { kind: 'mcp_server_tool', id },
    audience: type === 'mcp-servers.tool_called' ? 'nobody' : 'admins',
    data: { serverId, toolId: id, tool, state, effect, hash, ...more.data },
    ...(more.changes ? { changes: more.changes } : {}),
  };
}
