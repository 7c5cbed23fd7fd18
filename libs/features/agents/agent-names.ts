import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { PrincipalDirectory, type PrincipalNames } from '@atrium/platform/tenancy';
import { AgentLookup } from './agent-lookup.js';
import { AgentRepository } from './agent.repository.js';

/** Tells everyone else what agents are called, and whether they may act. */
@Injectable()
export class AgentNames implements PrincipalNames, OnModuleInit {
  readonly kind = 'agent';

  constructor(
    private readonly db: Db,
    private readonly agents: AgentRepository,
    private readonly lookup: AgentLookup,
    private readonly directory: PrincipalDirectory,
  ) {}

  onModuleInit(): void {
    this.directory.register(this);
  }

  async displayNames(orgId: OrgId, ids: string[]): Promise<Map<string, string>> {
    return new Map([...(await this.lookup.find(orgId, ids))].map(([id, { displayName }]) => [id, displayName]));
  }

  /** Asks the database: who was paused acts no more. */
  async mayAct(orgId: OrgId, id: string): Promise<boolean> {
    return (await this.db.readInOrg({ orgId }, (tx) => this.agents.find(tx, { orgId }, id)))?.status === 'active';
  }
}
