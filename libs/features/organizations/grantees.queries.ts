import { Injectable } from '@nestjs/common';
import type { AccessGrant, PrincipalRef } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { TeamsQueries } from './teams.queries.js';

type Org = Pick<OrgContext, 'orgId'>;

/** Knows whether those with whom something is to be shared are of the organization. */
@Injectable()
export class GranteesQueries {
  constructor(
    private readonly db: Db,
    private readonly teams: TeamsQueries,
    private readonly directory: PrincipalDirectory,
  ) {}

  /** The places in `grants` of those who are not. Not inside a transaction. */
  async strangers(ctx: OrgContext, grants: readonly AccessGrant[]): Promise<number[]> {
    if (grants.length === 0) return [];
    const isPrincipal = (one: AccessGrant): one is PrincipalRef => one.kind !== 'team';
    const names = await this.directory.displayNames(ctx.orgId, grants.filter(isPrincipal));
    const teams = await this.db.readInOrg(ctx, (tx) => this.teams.existing(tx, ctx, idsOf(grants, 'team')));
    return placesOf(grants, ({ kind, id }) => (kind === 'team' ? teams.has(id) : names.has(`${kind}:${id}`)));
  }

  /** The places of people and teams who have gone meanwhile; the others stay until the commit, so that what follows their going sees this. */
  async hold(tx: Tx, { orgId }: Org, grants: readonly AccessGrant[]): Promise<number[]> {
    const [users, teams] = [idsOf(grants, 'user'), idsOf(grants, 'team')];
    if (users.length + teams.length === 0) return [];
    const held = await tx.$queryRaw<{ key: string }[]>`
      SELECT 'user:' || user_id AS key FROM (
        SELECT user_id FROM members WHERE org_id = ${orgId}::uuid AND user_id = ANY (${users}::uuid[]) ORDER BY user_id FOR KEY SHARE) m
      UNION ALL
      SELECT 'team:' || id FROM (SELECT id FROM teams WHERE org_id = ${orgId}::uuid AND id = ANY (${teams}::uuid[]) ORDER BY id FOR KEY SHARE) t`;
    const keys = new Set(held.map(({ key }) => key));
    return placesOf(grants, ({ kind, id }) => kind === 'agent' || keys.has(`${kind}:${id}`));
  }
}

const idsOf = (grants: readonly AccessGrant[], kind: AccessGrant['kind']) => grants.filter((one) => one.kind === kind).map(({ id }) => id);

const placesOf = (grants: readonly AccessGrant[], isThere: (grant: AccessGrant) => boolean) =>
  grants.flatMap((grant, place) => (isThere(grant) ? [] : [place]));
