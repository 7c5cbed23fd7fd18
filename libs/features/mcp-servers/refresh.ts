import { v7 as uuidv7 } from 'uuid';
import type { McpServerRow } from './mcp-server.js';
import { type FoundTool, registryName, type ServerToolRow } from './server-tool.js';

/** What is to be written after a server was asked. */
export interface Comparison {
  added: ServerToolRow[];
  /** Another definition than before, or there again. */
  changed: ServerToolRow[];
  missing: ServerToolRow[];
  /** Ids of what is gone and nobody had reviewed. */
  dropped: string[];
  /** Of `changed`, what was allowed and is not any more. */
  told: ServerToolRow[];
}

/** What was allowed stays allowed as long as it is letter by letter what was allowed. */
export function comparison(server: McpServerRow, known: readonly ServerToolRow[], found: readonly FoundTool[], at: Date): Comparison {
  const byName = new Map(found.map((one) => [one.name, one]));
  const result: Comparison = { added: [], changed: [], missing: [], dropped: [], told: [] };
  for (const row of known) {
    const now = byName.get(row.name);
    byName.delete(row.name);
    if (!now && row.state === 'new') result.dropped.push(row.id);
    else if (!now && row.missingSince === null) result.missing.push({ ...row, missingSince: at, updatedAt: at });
    else if (now && now.hash !== row.hash) {
      const wasAllowed = row.state === 'allowed';
      const after = { ...row, ...columnsOf(now), state: wasAllowed ? 'changed' : row.state, missingSince: null, updatedAt: at };
      result.changed.push(after);
      if (wasAllowed) result.told.push(after);
    } else if (now && row.missingSince !== null) result.changed.push({ ...row, missingSince: null, updatedAt: at });
  }
  const taken = new Set(known.map(({ tool }) => tool));
  for (const one of byName.values()) {
    const tool = registryName(server.name, one.name);
    // A name that looks like the mark of another one: the first has it.
    if (taken.has(tool)) continue;
    taken.add(tool);
    const place = { orgId: server.orgId, id: uuidv7(), serverId: server.id, name: one.name, tool };
    const state = { state: 'new', effect: 'outward', reviewed: null, missingSince: null, createdAt: at, updatedAt: at };
    result.added.push({ ...place, ...columnsOf(one), ...state });
  }
  return result;
}

const columnsOf = ({ definition, hash, unusable }: FoundTool) =>
  ({ ...definition, hash, unusable }) as Pick<ServerToolRow, 'description' | 'inputSchema' | 'annotations' | 'hash' | 'unusable'>;
