import { Injectable } from '@nestjs/common';
import type { AccessGrant } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { MemoriesService } from './memories.service.js';
import { MemoryRepository } from './memory.repository.js';
import { NamespaceRepository } from './namespace.repository.js';
import { NamespacesService } from './namespaces.service.js';
import { PatternRepository } from './patterns/pattern.repository.js';
import { PatternsService } from './patterns/patterns.service.js';

/** Rows of one read. */
const BATCH = 100;

/** Takes who left the organization out of the access of namespaces, memories and patterns, so that a later invitation does not bring them back. */
@Injectable()
export class Departures {
  constructor(
    private readonly db: Db,
    private readonly namespaceRows: NamespaceRepository,
    private readonly memoryRows: MemoryRepository,
    private readonly namespaces: NamespacesService,
    private readonly memories: MemoriesService,
    private readonly patternRows: PatternRepository,
    private readonly patterns: PatternsService,
  ) {}

  @OnEvent('memory.departures', ['organizations.member_removed', 'organizations.team_deleted'])
  async withdraw(ctx: OrgContext, { type, subject }: LoggedEvent): Promise<void> {
    const grant: AccessGrant = { kind: type === 'organizations.team_deleted' ? 'team' : 'user', id: subject.id };
    // Namespaces first: what is added meanwhile has their access.
    await this.each(
      ctx,
      (tx) => this.namespaceRows.sharedWith(tx, ctx, grant, BATCH),
      (id) => this.namespaces.withdraw(ctx, id, grant),
    );
    await this.each(
      ctx,
      (tx) => this.memoryRows.sharedWith(tx, ctx, grant, BATCH),
      (id) => this.memories.withdraw(ctx, id, grant),
    );
    await this.each(
      ctx,
      (tx) => this.patternRows.sharedWith(tx, ctx, grant, BATCH),
      (id) => this.patterns.withdraw(ctx, id, grant),
    );
  }

  private async each(ctx: OrgContext, find: (tx: Tx) => Promise<string[]>, withdraw: (id: string) => Promise<void>): Promise<void> {
    let ids: string[];
    do {
      ids = await this.db.readInOrg(ctx, find);
      for (const id of ids) await withdraw(id);
    } while (ids.length === BATCH);
  }
}
