import { Injectable } from '@nestjs/common';
import type { Agent, AgentId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

export type AgentRow = NonNullable<Awaited<ReturnType<Tx['agent']['findFirst']>>>;

@Injectable()
export class AgentRepository {
  async findByName(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, name: string): Promise<AgentRow | null> {
    return tx.agent.findFirst({ where: { orgId: ctx.orgId, name } });
  }

  /** @throws NotFound `agents.not_found` */
  async get(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, id: AgentId): Promise<AgentRow> {
    const row = await tx.agent.findFirst({ where: { orgId: ctx.orgId, id } });
    if (!row) throw new NotFound('agents.not_found', 'There is no such agent.');
    return row;
  }

  /** Whether it was new: of two agents of one name the second is not stored. */
  async insert(tx: Tx, row: AgentRow): Promise<boolean> {
    const { count } = await tx.agent.createMany({ data: [row], skipDuplicates: true });
    return count > 0;
  }
}

export function agentView(row: AgentRow): Agent {
  const { orgId: _orgId, createdAt, updatedAt, ...rest } = row;
  return {
    ...rest,
    id: row.id as AgentId,
    status: row.status as Agent['status'],
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
