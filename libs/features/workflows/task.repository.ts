import { Injectable } from '@nestjs/common';
import type { TasksQuery } from '@atrium/contracts';
import { Prisma, type Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type Edge, mayRead, onlyThoseOf, taskNotFound, type TaskRow } from './task.js';

type Org = Pick<OrgContext, 'orgId'>;

const COLUMNS = Prisma.sql`t.id, t.title, t.description, t.status, t.priority, t.assignee_kind AS "assigneeKind", t.assignee_id AS "assigneeId",
  t.due_at AS "dueAt", t.source_channel_id AS "sourceChannelId", t.source_message_id AS "sourceMessageId",
  t.created_by_kind AS "createdByKind", t.created_by_id AS "createdById",
  t.on_behalf_of AS "onBehalfOf", t.via_kind AS "viaKind", t.via_id AS "viaId", t.created_at AS "createdAt", t.updated_at AS "updatedAt",
  ARRAY(SELECT d.depends_on_id FROM task_dependencies d WHERE d.org_id = t.org_id AND d.task_id = t.id ORDER BY d.depends_on_id) AS "dependsOn"`;

/** The tables `tasks` and `task_dependencies`. */
@Injectable()
export class TaskRepository {
  /** @throws NotFound `tasks.not_found` also for one that the reader may not see. */
  async get(tx: Tx, ctx: OrgContext, id: string): Promise<TaskRow> {
    const [row] = await tx.$queryRaw<TaskRow[]>`SELECT ${COLUMNS} FROM tasks t WHERE t.org_id = ${ctx.orgId}::uuid AND t.id = ${id}::uuid`;
    if (!row || !mayRead(ctx, row)) throw taskNotFound();
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `tasks.not_found` */
  async lock(tx: Tx, ctx: OrgContext, id: string): Promise<TaskRow> {
    await tx.$queryRaw`SELECT 1 FROM tasks WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Those that the reader may see, newest first. `before` is an id, exclusive. */
  list(tx: Tx, ctx: OrgContext, query: TasksQuery, before: string | null): Promise<TaskRow[]> {
    const only = onlyThoseOf(ctx);
    const conditions = [Prisma.sql`t.org_id = ${ctx.orgId}::uuid`];
    if (only) conditions.push(Prisma.sql`(t.created_by_id = ANY (${only}::uuid[]) OR t.assignee_id = ANY (${only}::uuid[]))`);
    if (before) conditions.push(Prisma.sql`t.id < ${before}::uuid`);
    if (query.status) conditions.push(Prisma.sql`t.status = ${query.status}`);
    if (query.priority) conditions.push(Prisma.sql`t.priority = ${query.priority}`);
    if (query.assigneeId) conditions.push(Prisma.sql`t.assignee_id = ${query.assigneeId}::uuid`);
    if (query.createdById) conditions.push(Prisma.sql`t.created_by_id = ${query.createdById}::uuid`);
    if (query.dueBefore) conditions.push(Prisma.sql`t.due_at < ${new Date(query.dueBefore)}`);
    return tx.$queryRaw`SELECT ${COLUMNS} FROM tasks t WHERE ${Prisma.join(conditions, ' AND ')} ORDER BY t.id DESC LIMIT ${query.limit + 1}`;
  }

  /** Of these those that the reader may see, in the order of their ids. */
  async readable(tx: Tx, ctx: OrgContext, ids: string[]): Promise<TaskRow[]> {
    const rows = await tx.$queryRaw<
      TaskRow[]
    >`SELECT ${COLUMNS} FROM tasks t WHERE t.org_id = ${ctx.orgId}::uuid AND t.id = ANY (${ids}::uuid[]) ORDER BY t.id`;
    return rows.filter((row) => mayRead(ctx, row));
  }

  async insert(tx: Tx, { orgId }: Org, { dependsOn, ...row }: TaskRow): Promise<void> {
    await tx.task.createMany({ data: { ...row, orgId } });
    await this.addDependencies(tx, { orgId }, row.id, dependsOn);
  }

  /** Writes all that can change, dependencies too. */
  async update(
    tx: Tx,
    { orgId }: Org,
    { id, createdAt: _at, createdById: _by, createdByKind: _kind, dependsOn, ...changing }: TaskRow,
  ): Promise<void> {
    await tx.task.updateMany({ where: { orgId, id }, data: changing });
    await tx.taskDependency.deleteMany({ where: { orgId, taskId: id, dependsOnId: { notIn: dependsOn } } });
    await this.addDependencies(tx, { orgId }, id, dependsOn);
  }

  /** Removes it with its comments and dependencies. */
  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.task.deleteMany({ where: { orgId, id } });
  }

  /** Until the commit nobody else changes which task of the organization waits for which. Comes before any lock of a task. */
  async lockGraph(tx: Tx, { orgId }: Org): Promise<void> {
    await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`task_dependencies|${orgId}`}, 0))::text`;
  }

  /** All that can be reached from `ids`, each edge once. */
  edgesFrom(tx: Tx, { orgId }: Org, ids: string[]): Promise<Edge[]> {
    return tx.$queryRaw`
      WITH RECURSIVE reached (id) AS (
        SELECT unnest(${ids}::uuid[])
        UNION SELECT d.depends_on_id FROM reached r JOIN task_dependencies d ON d.org_id = ${orgId}::uuid AND d.task_id = r.id)
      SELECT d.task_id AS from, d.depends_on_id AS to FROM reached r JOIN task_dependencies d ON d.org_id = ${orgId}::uuid AND d.task_id = r.id`;
  }

  /** Those that the task waits for, whoever may see them, as they stay until the commit. */
  dependenciesOf(tx: Tx, { orgId }: Org, { dependsOn }: Pick<TaskRow, 'dependsOn'>): Promise<{ status: string }[]> {
    if (dependsOn.length === 0) return Promise.resolve([]);
    return tx.$queryRaw`SELECT status FROM tasks WHERE org_id = ${orgId}::uuid AND id = ANY (${dependsOn}::uuid[]) ORDER BY id FOR SHARE`;
  }

  /** @throws NotFound `tasks.not_found` unless the reader may see each of them. */
  async assertReadable(tx: Tx, ctx: OrgContext, ids: string[]): Promise<void> {
    if ((await this.readable(tx, ctx, ids)).length < new Set(ids).size) throw taskNotFound();
  }

  private async addDependencies(tx: Tx, { orgId }: Org, taskId: string, dependsOn: string[]): Promise<void> {
    if (dependsOn.length === 0) return;
    const data = dependsOn.map((dependsOnId) => ({ orgId, taskId, dependsOnId }));
    await tx.taskDependency.createMany({ data, skipDuplicates: true });
  }
}
