import { Injectable } from '@nestjs/common';
import type { AgentId, ApiKeyId, Schedule, ScheduleId, UserId, WorkflowId } from '@atrium/contracts';
import type { Prisma, Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

type Org = Pick<OrgContext, 'orgId'>;

/** A row of `workflow_schedules`. */
export type ScheduleRow = Omit<NonNullable<Awaited<ReturnType<Tx['workflowSchedule']['findFirst']>>>, 'orgId'>;

/** The table `workflow_schedules`. */
@Injectable()
export class ScheduleRepository {
  /** @throws NotFound `workflows.schedule_not_found` */
  async get(tx: Tx, { orgId }: Org, id: string): Promise<ScheduleRow> {
    const row = await tx.workflowSchedule.findFirst({ where: { orgId, id }, omit: { orgId: true } });
    if (!row) throw new NotFound('workflows.schedule_not_found', 'There is no such schedule.');
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `workflows.schedule_not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<ScheduleRow> {
    await tx.$queryRaw`SELECT 1 FROM workflow_schedules WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Newest first; `before` is an id, exclusive. */
  list(tx: Tx, { orgId }: Org, before: string | null, limit: number): Promise<ScheduleRow[]> {
    const where = { orgId, ...(before ? { id: { lt: before } } : {}) };
    return tx.workflowSchedule.findMany({ where, orderBy: { id: 'desc' }, take: limit, omit: { orgId: true } });
  }

  async insert(tx: Tx, { orgId }: Org, row: ScheduleRow): Promise<void> {
    await tx.workflowSchedule.createMany({ data: { ...row, orgId, input: row.input as Prisma.InputJsonObject } });
  }

  async update(tx: Tx, { orgId }: Org, { id, createdAt: _at, createdBy: _by, workflowId: _of, ...changing }: ScheduleRow): Promise<void> {
    await tx.workflowSchedule.updateMany({ where: { orgId, id }, data: { ...changing, input: changing.input as Prisma.InputJsonObject } });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.workflowSchedule.deleteMany({ where: { orgId, id } });
  }
}

export function toSchedule(row: ScheduleRow): Schedule {
  const { permissions: _permissions, ...shown } = row;
  return {
    ...shown,
    id: row.id as ScheduleId,
    workflowId: row.workflowId as WorkflowId,
    input: row.input as Schedule['input'],
    createdBy: row.createdBy as UserId,
    agentId: row.agentId as AgentId | null,
    apiKeyId: row.apiKeyId as ApiKeyId | null,
    nextAt: row.nextAt?.toISOString() ?? null,
    lastAt: row.lastAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
