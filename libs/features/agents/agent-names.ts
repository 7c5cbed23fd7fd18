import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { PrincipalDirectory, type PrincipalNames } from '@atrium/platform/tenancy';

/** Tells everyone else what agents are called. */
@Injectable()
export class AgentNames implements PrincipalNames, OnModuleInit {
  readonly kind = 'agent';

  constructor(
    private readonly db: Db,
    private readonly directory: PrincipalDirectory,
  ) {}

  onModuleInit(): void {
    this.directory.register(this);
  }

  async displayNames(orgId: OrgId, ids: string[]): Promise<Map<string, string>> {
    const rows = await this.db.readInOrg({ orgId }, (tx) =>
      tx.agent.findMany({ where: { orgId, id: { in: ids } }, select: { id: true, displayName: true } }),
    );
    return new Map(rows.map((row) => [row.id, row.displayName]));
  }
}
