import { Injectable } from '@nestjs/common';
import type { Page, PageQuery, Task, TaskComment, TaskId, TasksQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { toTask } from './task.js';
import { TaskCommentRepository, toComment } from './task-comment.repository.js';
import { TaskRepository } from './task.repository.js';

/** Reads of tasks: what one may not see is answered like what does not exist. */
@Injectable()
export class TasksQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly tasks: TaskRepository,
    private readonly comments: TaskCommentRepository,
    private readonly directory: PrincipalDirectory,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, query: TasksQuery): Promise<Page<Task>> {
    const before = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const { data, nextCursor } = pageOf(await this.tasks.list(tx, ctx, query, before), query.limit, (last) => [last.id]);
      return listed({ data: data.map(toTask), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `tasks.not_found` */
  get(ctx: OrgContext, id: TaskId): Promise<Task> {
    return this.db.readInOrg(ctx, async (tx) => toTask(await this.tasks.get(tx, ctx, id)));
  }

  /** The tasks that it waits for and that the reader may see, in the order of their ids. @throws NotFound `tasks.not_found` */
  dependencies(ctx: OrgContext, id: TaskId, query: PageQuery): Promise<Page<Task>> {
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? '';
    return this.db.readInOrg(ctx, async (tx) => {
      const { dependsOn } = await this.tasks.get(tx, ctx, id);
      const rows = await this.tasks.readable(
        tx,
        ctx,
        dependsOn.filter((one) => one > after),
      );
      const { data, nextCursor } = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ data: data.map(toTask), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** Oldest first. @throws NotFound `tasks.not_found` */
  async listComments(ctx: OrgContext, id: TaskId, query: PageQuery): Promise<Page<TaskComment>> {
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    const { rows, head } = await this.db.readInOrg(ctx, async (tx) => {
      await this.tasks.get(tx, ctx, id);
      return { rows: await this.comments.list(tx, ctx, id, after, query.limit + 1), head: await this.events.head(tx, ctx) };
    });
    const { data, nextCursor } = pageOf(rows, query.limit, (last) => [last.id]);
    const names = await this.directory.displayNames(
      ctx.orgId,
      data.map((row) => row.author),
    );
    return listed({ data: data.map((row) => toComment(row, names)), nextCursor }, head);
  }
}
