import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Db, type Tx } from '@atrium/platform/db';
import type { LoggedEvent } from '@atrium/platform/events';
import { type AudienceResolver, AudienceResolvers, type Rights } from '@atrium/platform/realtime';
import { type GrantSource, ReaderGrants } from '@atrium/platform/search';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { TeamRepository } from './team.repository.js';

/** Tells search and live delivery which teams a person is in. */
@Injectable()
export class TeamGrants implements GrantSource, AudienceResolver, OnModuleInit {
  readonly kind = 'team';

  constructor(
    private readonly db: Db,
    private readonly teams: TeamRepository,
    private readonly grants: ReaderGrants,
    private readonly resolvers: AudienceResolvers,
  ) {}

  onModuleInit(): void {
    this.grants.register(this);
    this.resolvers.register(this);
  }

  async grantsOf(ctx: OrgContext): Promise<string[]> {
    const person = personOf(ctx);
    if (person === null) return [];
    const teams = await this.db.readInOrg(ctx, (tx) => this.teams.teamsOf(tx, ctx, person));
    return teams.map((id) => `team:${id}`);
  }

  async load(tx: Tx, ctx: OrgContext): Promise<Rights> {
    const rights: Rights = new Map();
    for (const [id, people] of await this.teams.everyone(tx, ctx)) {
      rights.set(`team:${id}`, { public: false, members: new Set([...people].map((person) => `user:${person}`)) });
    }
    return rights;
  }

  apply(rights: Rights, event: LoggedEvent): void {
    const { teamId, userId } = event.data as { teamId?: string; userId?: string };
    const key = `team:${teamId}`;
    const member = `user:${userId}`;
    switch (event.type) {
      case 'organizations.team_member_added':
        rights.set(key, { public: false, members: new Set(rights.get(key)?.members).add(member) });
        break;
      case 'organizations.team_member_removed':
        rights.get(key)?.members.delete(member);
        break;
      case 'organizations.team_deleted':
        rights.delete(key);
        break;
      case 'organizations.member_removed':
        for (const [place, { members }] of rights) if (place.startsWith('team:')) members.delete(member);
        break;
    }
  }
}
