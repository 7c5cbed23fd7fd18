import type { McpServer, McpServerId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { EventDraft, Json } from '@atrium/platform/events';

/** A row of `mcp_servers`. */
export type McpServerRow = NonNullable<Awaited<ReturnType<Tx['mcpServer']['findFirst']>>>;

export function toMcpServer(row: McpServerRow): McpServer {
  return {
    id: row.id as McpServerId,
    name: row.name,
    url: row.url,
    enabled: row.enabled,
    credentialHeader: row.credentialHeader,
    refreshedAt: row.refreshedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

type Told = 'mcp-servers.created' | 'mcp-servers.changed' | 'mcp-servers.removed' | 'mcp-servers.refreshed';

/** The address is text of a person: it may hold a key. */
export function serverTold(
  type: Told,
  { id, name, enabled, url }: McpServerRow,
  more: Pick<EventDraft, 'changes'> & { data?: EventDraft['data'] } = {},
): EventDraft {
  return {
    type,
    subject: { kind: 'mcp_server', id },
    audience: 'admins',
    data: { serverId: id, name, enabled, ...more.data },
    ...(type === 'mcp-servers.removed' ? {} : { text: { url } }),
    ...(more.changes ? { changes: more.changes } : {}),
  };
}

/** What differs between two states, for auditors; null when nothing does. */
export function changesBetween(before: McpServerRow, after: McpServerRow): NonNullable<EventDraft['changes']> | null {
  const changes: Record<string, [Json, Json]> = {};
  if (before.url !== after.url) changes['url'] = ['[text]', '[text]'];
  if (before.enabled !== after.enabled) changes['enabled'] = [before.enabled, after.enabled];
  if (before.credential !== after.credential) changes['credential'] = ['[secret]', '[secret]'];
  return Object.keys(changes).length === 0 ? null : changes;
}
