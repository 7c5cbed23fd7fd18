import { Injectable } from '@nestjs/common';
import type { WorkflowDefinition } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

type Org = Pick<OrgContext, 'orgId'>;

export interface WorkflowRow {
  id: string;
  name: string;
  description: string;
  version: number;
  triggerEvents: string[];
  createdBy: string;
  createdAt: Date;
  updatedAt: Date;
}
export interface VersionRow {
  workflowId: string;
  number: number;
  definition: WorkflowDefinition;
  createdBy: string;
  createdAt: Date;
}

export const workflowNotFound = () => new NotFound('workflows.not_found', 'There is no such workflow.');

/** The tables `workflows` and `workflow_versions`. */
@Injectable()
export class WorkflowRepository {
  /** @throws NotFound `workflows.not_found` */
  async get(tx: Tx, { orgId }: Org, id: string): Promise<WorkflowRow> {
    const row = await tx.workflow.findFirst({ where: { orgId, id } });
    if (!row) throw workflowNotFound();
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `workflows.not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<WorkflowRow> {
    await tx.$queryRaw`SELECT 1 FROM workflows WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Of these ids those that there are. */
  async known(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<string[]> {
    return (await tx.workflow.findMany({ where: { orgId, id: { in: [...ids] } }, select: { id: true } })).map(({ id }) => id);
  }

  /** Newest first; `before` is an id, exclusive. */
  list(tx: Tx, { orgId }: Org, before: string | null, limit: number): Promise<WorkflowRow[]> {
    return tx.workflow.findMany({ where: { orgId, ...(before ? { id: { lt: before } } : {}) }, orderBy: { id: 'desc' }, take: limit });
  }

  async isNameTaken(tx: Tx, { orgId }: Org, name: string, id: string): Promise<boolean> {
    return (await tx.workflow.findFirst({ where: { orgId, name, id: { not: id } }, select: { id: true } })) !== null;
  }

  /** Those that an event of this type may start. */
  triggeredBy(tx: Tx, { orgId }: Org, type: string): Promise<WorkflowRow[]> {
    return tx.workflow.findMany({ where: { orgId, triggerEvents: { has: type } }, orderBy: { id: 'asc' }, take: 100 });
  }

  async insert(tx: Tx, { orgId }: Org, row: WorkflowRow): Promise<void> {
    await tx.workflow.createMany({ data: { ...row, orgId } });
  }

  async update(tx: Tx, { orgId }: Org, { id, createdAt: _at, createdBy: _by, ...changing }: WorkflowRow): Promise<void> {
    await tx.workflow.updateMany({ where: { orgId, id }, data: changing });
  }

  /** Removes it with its versions, runs and schedules. */
  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.workflow.deleteMany({ where: { orgId, id } });
  }

  /** @throws NotFound `workflows.version_not_found` */
  async version(tx: Tx, { orgId }: Org, workflowId: string, number: number): Promise<VersionRow> {
    const row = await tx.workflowVersion.findFirst({ where: { orgId, workflowId, number } });
    if (!row) throw new NotFound('workflows.version_not_found', 'The workflow has no such version.');
    return { ...row, definition: row.definition as unknown as WorkflowDefinition };
  }

  /** Newest first; `before` is a number, exclusive. */
  async versions(tx: Tx, { orgId }: Org, workflowId: string, before: number | null, limit: number): Promise<VersionRow[]> {
    const where = { orgId, workflowId, ...(before === null ? {} : { number: { lt: before } }) };
    const rows = await tx.workflowVersion.findMany({ where, orderBy: { number: 'desc' }, take: limit });
    return rows.map((row) => ({ ...row, definition: row.definition as unknown as WorkflowDefinition }));
  }

  /** The definitions of several workflows at their present version, by workflow. */
  async definitions(tx: Tx, { orgId }: Org, rows: readonly WorkflowRow[]): Promise<Map<string, VersionRow>> {
    if (rows.length === 0) return new Map();
    const found = await tx.workflowVersion.findMany({
      where: { orgId, OR: rows.map(({ id, version }) => ({ workflowId: id, number: version })) },
    });
    return new Map(found.map((row) => [row.workflowId, { ...row, definition: row.definition as unknown as WorkflowDefinition }]));
  }

  async insertVersion(tx: Tx, { orgId }: Org, row: VersionRow): Promise<void> {
    await tx.workflowVersion.createMany({ data: { ...row, orgId, definition: row.definition } });
  }
}
