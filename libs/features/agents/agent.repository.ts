import { Injectable } from '@nestjs/common';
import type { AgentId, AgentsQuery } from '@atrium/contracts';
import type { Prisma, Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ASSISTANT } from './assistant.js';

export type AgentRow = NonNullable<Awaited<ReturnType<Tx['agent']['findFirst']>>>;
export type AgentVersionRow = NonNullable<Awaited<ReturnType<Tx['agentVersion']['findFirst']>>>;
type Org = Pick<OrgContext, 'orgId'>;

/** The tables `agents` and `agent_versions`. */
@Injectable()
export class AgentRepository {
  async findByName(tx: Tx, ctx: Org, name: string): Promise<AgentRow | null> {
    return tx.agent.findFirst({ where: { orgId: ctx.orgId, name } });
  }

  find(tx: Tx, { orgId }: Org, id: string): Promise<AgentRow | null> {
    return tx.agent.findFirst({ where: { orgId, id } });
  }

  /** @throws NotFound `agents.not_found` */
  async get(tx: Tx, ctx: Org, id: AgentId): Promise<AgentRow> {
    const row = await this.find(tx, ctx, id);
    if (!row) throw new NotFound('agents.not_found', 'There is no such agent.');
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `agents.not_found` */
  async lock(tx: Tx, ctx: Org, id: AgentId): Promise<AgentRow> {
    await tx.$queryRaw`SELECT 1 FROM agents WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Those of these names that are there, locked until the commit. */
  async lockNamed(tx: Tx, { orgId }: Org, names: string[]): Promise<AgentRow[]> {
    await tx.$queryRaw`SELECT 1 FROM agents WHERE org_id = ${orgId}::uuid AND name = ANY (${names}::text[]) ORDER BY id FOR NO KEY UPDATE`;
    return tx.agent.findMany({ where: { orgId, name: { in: names } } });
  }

  /** Of these names those that there are, retired agents aside. */
  async known(tx: Tx, { orgId }: Org, names: readonly string[]): Promise<string[]> {
    const where = { orgId, name: { in: [...names] }, status: { not: 'retired' } };
    return (await tx.agent.findMany({ where, select: { name: true } })).map(({ name }) => name);
  }

  /** Oldest first; `after` is an id, exclusive. */
  list(tx: Tx, { orgId }: Org, { status, capability, limit }: AgentsQuery, after: string | null): Promise<AgentRow[]> {
    return tx.agent.findMany({
      where: {
        orgId,
        ...(status ? { status } : {}),
        ...(capability ? { capabilities: { has: capability } } : {}),
        ...(after ? { id: { gt: after } } : {}),
      },
      orderBy: { id: 'asc' },
      take: limit + 1,
    });
  }

  /** By name: neither retired nor the assistant. */
  portable(tx: Tx, { orgId }: Org): Promise<AgentRow[]> {
    return tx.agent.findMany({ where: { orgId, status: { not: 'retired' }, name: { not: ASSISTANT.name } }, orderBy: { name: 'asc' } });
  }

  count(tx: Tx, { orgId }: Org): Promise<number> {
    return tx.agent.count({ where: { orgId } });
  }

  /** With its first version. Whether it was new: of two agents of one name the second is not stored. */
  async insert(tx: Tx, row: AgentRow, createdBy: string | null): Promise<boolean> {
    const { count } = await tx.agent.createMany({ data: [{ ...row, limits: row.limits as Prisma.InputJsonValue }], skipDuplicates: true });
    if (count > 0) await this.insertVersion(tx, row, createdBy);
    return count > 0;
  }

  async update(tx: Tx, { orgId, id, createdAt: _at, name: _name, lastSeenAt: _seen, ...changing }: AgentRow): Promise<void> {
    await tx.agent.updateMany({ where: { orgId, id }, data: { ...changing, limits: changing.limits as Prisma.InputJsonValue } });
  }

  /** Told at most once in ten seconds. */
  async see(tx: Tx, { orgId }: Org, id: string, at: Date): Promise<void> {
    const before = new Date(at.getTime() - 10_000);
    await tx.agent.updateMany({
      where: { orgId, id, OR: [{ lastSeenAt: null }, { lastSeenAt: { lt: before } }] },
      data: { lastSeenAt: at },
    });
  }

  async insertVersion(tx: Tx, row: AgentRow, createdBy: string | null): Promise<void> {
    const { orgId, id, version, instructions, model, tools, withoutApproval, capabilities, limits, updatedAt } = row;
    const definition = { instructions, model, tools, withoutApproval, capabilities, limits: limits as Prisma.InputJsonValue };
    await tx.agentVersion.createMany({ data: [{ orgId, agentId: id, number: version, ...definition, createdBy, createdAt: updatedAt }] });
  }

  /** @throws NotFound `agents.version_not_found` */
  async version(tx: Tx, { orgId }: Org, agentId: string, number: number): Promise<AgentVersionRow> {
    const row = await tx.agentVersion.findFirst({ where: { orgId, agentId, number } });
    if (!row) throw new NotFound('agents.version_not_found', 'The agent has no such version.');
    return row;
  }

  /** Newest first; `before` is a number, exclusive. */
  versions(tx: Tx, { orgId }: Org, agentId: string, before: number | null, limit: number): Promise<AgentVersionRow[]> {
    const where = { orgId, agentId, ...(before === null ? {} : { number: { lt: before } }) };
    return tx.agentVersion.findMany({ where, orderBy: { number: 'desc' }, take: limit });
  }
}
