import { Injectable } from '@nestjs/common';
import type { TeamId, TeamRole, UserId } from '@atrium/contracts';
import { Prisma, type Tx } from '@atrium/platform/db';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { type TeamMemberRow, teamNotFound, type TeamRow } from './team.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The tables `teams` and `team_members`. */
@Injectable()
export class TeamRepository {
  /** By id, from after `after` on. */
  list(tx: Tx, ctx: OrgContext, after: string | null, limit: number): Promise<TeamRow[]> {
    return this.rows(tx, ctx, Prisma.sql`(${after}::uuid IS NULL OR t.id > ${after}::uuid) ORDER BY t.id LIMIT ${limit}`);
  }

  /** @throws NotFound `organizations.team_not_found` */
  async get(tx: Tx, ctx: OrgContext, id: TeamId): Promise<TeamRow> {
    const [row] = await this.rows(tx, ctx, Prisma.sql`t.id = ${id}::uuid`);
    if (!row) throw teamNotFound();
    return row;
  }

  /**
   * The same, locked: until the commit nobody changes the team or who is in it.
   * @throws NotFound `organizations.team_not_found`
   */
  async lock(tx: Tx, ctx: OrgContext, id: TeamId): Promise<TeamRow> {
    await tx.$queryRaw`SELECT 1 FROM teams WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** How many there are; until the commit nobody makes another one. */
  async countLocked(tx: Tx, { orgId }: Org): Promise<number> {
    await tx.$queryRaw`SELECT 1 FROM organizations WHERE id = ${orgId}::uuid FOR NO KEY UPDATE`;
    return tx.team.count({ where: { orgId } });
  }

  async insert(tx: Tx, { orgId }: Org, row: Pick<TeamRow, 'id' | 'name' | 'description'>): Promise<void> {
    await tx.team.createMany({ data: { orgId, ...row } });
  }

  async update(tx: Tx, { orgId }: Org, { id, name, description, updatedAt }: TeamRow): Promise<void> {
    await tx.team.updateMany({ where: { orgId, id }, data: { name, description, updatedAt } });
  }

  async remove(tx: Tx, { orgId }: Org, id: TeamId): Promise<void> {
    await tx.team.deleteMany({ where: { orgId, id } });
  }

  /** By the person's id, from after `after` on. */
  members(tx: Tx, ctx: Org, teamId: TeamId, after: string | null, limit: number): Promise<TeamMemberRow[]> {
    return this.memberRows(
      tx,
      ctx,
      teamId,
      Prisma.sql`(${after}::uuid IS NULL OR m.user_id > ${after}::uuid) ORDER BY m.user_id LIMIT ${limit}`,
    );
  }

  async findMember(tx: Tx, ctx: Org, teamId: TeamId, userId: UserId): Promise<TeamMemberRow | null> {
    const [row] = await this.memberRows(tx, ctx, teamId, Prisma.sql`m.user_id = ${userId}::uuid`);
    return row ?? null;
  }

  /** Whether the person was not in it. */
  async addMember(tx: Tx, { orgId }: Org, teamId: TeamId, userId: UserId, role: TeamRole): Promise<boolean> {
    const { count } = await tx.teamMember.createMany({ data: { orgId, teamId, userId, role }, skipDuplicates: true });
    return count > 0;
  }

  async changeMember(tx: Tx, { orgId }: Org, teamId: TeamId, userId: UserId, role: TeamRole): Promise<void> {
    await tx.teamMember.updateMany({ where: { orgId, teamId, userId }, data: { role, updatedAt: new Date() } });
  }

  async removeMember(tx: Tx, { orgId }: Org, teamId: TeamId, userId: UserId): Promise<boolean> {
    const { count } = await tx.teamMember.deleteMany({ where: { orgId, teamId, userId } });
    return count > 0;
  }

  async teamsOf(tx: Tx, { orgId }: Org, userId: string): Promise<string[]> {
    const rows = await tx.teamMember.findMany({ where: { orgId, userId }, select: { teamId: true }, orderBy: { teamId: 'asc' } });
    return rows.map(({ teamId }) => teamId);
  }

  /** The teams that all of these different people are in. */
  async sharedBy(tx: Tx, { orgId }: Org, userIds: readonly string[]): Promise<string[]> {
    const rows = await tx.$queryRaw<{ teamId: string }[]>`
      SELECT team_id AS "teamId" FROM team_members WHERE org_id = ${orgId}::uuid AND user_id = ANY (${userIds}::uuid[])
      GROUP BY team_id HAVING count(*) = ${userIds.length}`;
    return rows.map(({ teamId }) => teamId);
  }

  /** Every team of the organization with its people. */
  async everyone(tx: Tx, { orgId }: Org): Promise<Map<string, Set<string>>> {
    const rows = await tx.teamMember.findMany({ where: { orgId }, select: { teamId: true, userId: true } });
    const teams = new Map<string, Set<string>>();
    for (const { teamId, userId } of rows) teams.set(teamId, (teams.get(teamId) ?? new Set()).add(userId));
    return teams;
  }

  private rows(tx: Tx, ctx: OrgContext, which: Prisma.Sql): Promise<TeamRow[]> {
    return tx.$queryRaw<TeamRow[]>`
      SELECT t.id, t.name, t.description, t.created_at AS "createdAt", t.updated_at AS "updatedAt", me.role,
        (SELECT count(*)::int FROM team_members n WHERE n.org_id = t.org_id AND n.team_id = t.id) AS "memberCount"
      FROM teams t LEFT JOIN team_members me ON me.org_id = t.org_id AND me.team_id = t.id AND me.user_id = ${personOf(ctx)}::uuid
      WHERE t.org_id = ${ctx.orgId}::uuid AND ${which}`;
  }

  private memberRows(tx: Tx, { orgId }: Org, teamId: TeamId, which: Prisma.Sql): Promise<TeamMemberRow[]> {
    return tx.$queryRaw<TeamMemberRow[]>`
      SELECT m.user_id AS "userId", p.display_name AS "displayName", m.role, m.created_at AS "createdAt", m.updated_at AS "updatedAt"
      FROM team_members m JOIN members p ON p.org_id = m.org_id AND p.user_id = m.user_id
      WHERE m.org_id = ${orgId}::uuid AND m.team_id = ${teamId}::uuid AND ${which}`;
  }
}
