import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';

/** How old an entry may be: within this every process has noticed a change, told or not. Milliseconds. */
const MAX_AGE_MS = 5_000;
const MAX_ENTRIES = 10_000;

export interface KnownAgent {
  name: string;
  displayName: string;
  status: string;
}

/** Agents by id for whoever needs a name at every message: from memory, forgotten at once when this process changes one. Decides no access. */
@Injectable()
export class AgentLookup implements OnModuleInit, OnModuleDestroy {
  private readonly known = new LRUCache<string, KnownAgent>({ max: MAX_ENTRIES, ttl: MAX_AGE_MS });
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.events.listen(({ type, organizationId, subject }) => {
      if (type === 'agents.changed') this.known.delete(keyOf(organizationId, subject.id));
    });
  }

  onModuleDestroy(): void {
    this.stopListening();
  }

  /** Those that there are, by id. Not inside a transaction. */
  async find(orgId: OrgId, ids: readonly string[]): Promise<Map<string, KnownAgent>> {
    const found = new Map(ids.flatMap((id) => entry(id, this.known.get(keyOf(orgId, id)))));
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    const rows = await this.db.readInOrg({ orgId }, (tx) =>
      tx.agent.findMany({ where: { orgId, id: { in: missing } }, select: { id: true, name: true, displayName: true, status: true } }),
    );
    for (const { id, ...agent } of rows) {
      this.known.set(keyOf(orgId, id), agent);
      found.set(id, agent);
    }
    return found;
  }
}

const keyOf = (orgId: string, id: string) => `${orgId}|${id}`;
const entry = (id: string, agent: KnownAgent | undefined): [string, KnownAgent][] => (agent ? [[id, agent]] : []);
