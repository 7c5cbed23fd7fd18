import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { PrincipalDirectory, type PrincipalNames } from '@atrium/platform/tenancy';

/** Display names of members, remembered until this process hears of a change, and a minute at most. */
@Injectable()
export class MemberNames implements PrincipalNames, OnModuleInit, OnModuleDestroy {
  readonly kind = 'user';
  private readonly names = new LRUCache<string, string>({ max: 20_000, ttl: 60_000 });
  /** Grows with each change, so that a name that was being read meanwhile is not remembered. */
  private changes = 0;
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly directory: PrincipalDirectory,
  ) {}

  onModuleInit(): void {
    this.directory.register(this);
    this.stopListening = this.events.listen((event) => {
      if (!event.type.startsWith('organizations.member_')) return;
      this.changes += 1;
      this.names.delete(keyOf(event.organizationId, event.subject.id));
    });
  }

  onModuleDestroy(): void {
    this.stopListening();
  }

  async displayNames(orgId: OrgId, ids: string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const id of ids) {
      const name = this.names.get(keyOf(orgId, id));
      if (name !== undefined) found.set(id, name);
    }
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    const changes = this.changes;
    const rows = await this.db.readInOrg({ orgId }, (tx) =>
      tx.member.findMany({ where: { orgId, userId: { in: missing } }, select: { userId: true, displayName: true } }),
    );
    for (const row of rows) {
      found.set(row.userId, row.displayName);
      if (changes === this.changes) this.names.set(keyOf(orgId, row.userId), row.displayName);
    }
    return found;
  }
}

const keyOf = (orgId: string, userId: string) => `${orgId}:${userId}`;
