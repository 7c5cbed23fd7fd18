import { Injectable } from '@nestjs/common';
import type { PrincipalRef, TaskComment, TaskCommentId, TaskId } from '@atrium/contracts';
import { NotFound } from '@atrium/platform/errors';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';

type Org = Pick<OrgContext, 'orgId'>;

export interface TaskCommentRow {
  id: string;
  taskId: string;
  author: PrincipalRef;
  body: string;
  createdAt: Date;
  updatedAt: Date;
}

/** The table `task_comments`. Whoever changes a comment locks its task first. */
@Injectable()
export class TaskCommentRepository {
  /** @throws NotFound `tasks.comment_not_found` */
  async get(tx: Tx, { orgId }: Org, taskId: string, id: string): Promise<TaskCommentRow> {
    const row = await tx.taskComment.findFirst({ where: { orgId, taskId, id } });
    if (!row) throw new NotFound('tasks.comment_not_found', 'There is no such comment on this task.');
    return fromStored(row);
  }

  /** Oldest first; `after` is an id, exclusive. */
  async list(tx: Tx, { orgId }: Org, taskId: string, after: string | null, limit: number): Promise<TaskCommentRow[]> {
    const where = { orgId, taskId, ...(after ? { id: { gt: after } } : {}) };
    return (await tx.taskComment.findMany({ where, orderBy: { id: 'asc' }, take: limit })).map(fromStored);
  }

  async idsOf(tx: Tx, { orgId }: Org, taskId: string): Promise<string[]> {
    return (await tx.taskComment.findMany({ where: { orgId, taskId }, select: { id: true } })).map(({ id }) => id);
  }

  count(tx: Tx, { orgId }: Org, taskId: string): Promise<number> {
    return tx.taskComment.count({ where: { orgId, taskId } });
  }

  async insert(tx: Tx, { orgId }: Org, { author, ...row }: TaskCommentRow): Promise<void> {
    await tx.taskComment.createMany({ data: { ...row, orgId, authorKind: author.kind, authorId: author.id } });
  }

  async update(tx: Tx, { orgId }: Org, { id, body, updatedAt }: TaskCommentRow): Promise<void> {
    await tx.taskComment.updateMany({ where: { orgId, id }, data: { body, updatedAt } });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.taskComment.deleteMany({ where: { orgId, id } });
  }
}

function fromStored({
  authorKind,
  authorId,
  id,
  taskId,
  body,
  createdAt,
  updatedAt,
}: NonNullable<Awaited<ReturnType<Tx['taskComment']['findFirst']>>>): TaskCommentRow {
  return { id, taskId, body, createdAt, updatedAt, author: { kind: authorKind as PrincipalRef['kind'], id: authorId } };
}

/** `names` as PrincipalDirectory answers them. */
export function toComment({ author, ...row }: TaskCommentRow, names: ReadonlyMap<string, string>): TaskComment {
  return {
    id: row.id as TaskCommentId,
    taskId: row.taskId as TaskId,
    author: { ...author, displayName: names.get(`${author.kind}:${author.id}`) ?? '' },
    body: row.body,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
