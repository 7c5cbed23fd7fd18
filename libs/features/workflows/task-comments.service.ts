import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { PrincipalRef, TaskComment, TaskCommentId, TaskId, WriteTaskComment } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { assertAuthor, makerOf } from './task.js';
import { commentRemoved, commentTold } from './task-events.js';
import { TaskCommentRepository, type TaskCommentRow, toComment } from './task-comment.repository.js';
import { TaskRepository } from './task.repository.js';

const MAX_COMMENTS = 1_000;

/** The commands on comments of tasks. */
@Injectable()
export class TaskCommentsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly tasks: TaskRepository,
    private readonly comments: TaskCommentRepository,
    private readonly directory: PrincipalDirectory,
  ) {}

  /** @throws NotFound `tasks.not_found`, QuotaExceeded `tasks.limit_reached` */
  async add(ctx: OrgContext, taskId: TaskId, { body }: WriteTaskComment): Promise<TaskComment> {
    const names = await this.directory.displayNames(ctx.orgId, [makerOf(ctx)]);
    return this.db.inOrg(ctx, async (tx) => {
      await this.tasks.lock(tx, ctx, taskId);
      if ((await this.comments.count(tx, ctx, taskId)) >= MAX_COMMENTS)
        throw new QuotaExceeded('tasks.limit_reached', `A task has at most ${MAX_COMMENTS} comments.`);
      const comment = newComment(makerOf(ctx), taskId, body);
      await this.comments.insert(tx, ctx, comment);
      await this.events.append(tx, ctx, commentTold('tasks.comment_added', toComment(comment, names)));
      return toComment(comment, names);
    });
  }

  /** The same text again changes nothing. @throws NotFound `tasks.not_found`, `tasks.comment_not_found`, Forbidden `tasks.not_the_author` */
  async change(ctx: OrgContext, taskId: TaskId, id: TaskCommentId, { body }: WriteTaskComment): Promise<TaskComment> {
    const names = await this.directory.displayNames(ctx.orgId, [makerOf(ctx)]);
    return this.db.inOrg(ctx, async (tx) => {
      await this.tasks.lock(tx, ctx, taskId);
      const before = await this.comments.get(tx, ctx, taskId, id);
      assertAuthor(ctx, { authorId: before.author.id });
      assertUnchanged(ctx, before);
      if (before.body === body) return toComment(before, names);
      const comment = { ...before, body, updatedAt: later(before.updatedAt) };
      await this.comments.update(tx, ctx, comment);
      await this.events.append(tx, ctx, commentTold('tasks.comment_changed', toComment(comment, names)));
      return toComment(comment, names);
    });
  }

  /** @throws NotFound `tasks.not_found`, `tasks.comment_not_found`, Forbidden `tasks.not_the_author` */
  async remove(ctx: OrgContext, taskId: TaskId, id: TaskCommentId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      await this.tasks.lock(tx, ctx, taskId);
      const comment = await this.comments.get(tx, ctx, taskId, id);
      assertAuthor(ctx, { authorId: comment.author.id }, 'or admin');
      await this.comments.remove(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'task_comment', id });
      await this.events.append(tx, ctx, commentRemoved(comment));
    });
  }
}

function newComment(author: PrincipalRef, taskId: string, body: string): TaskCommentRow {
  const at = new Date();
  return { id: uuidv7(), taskId, author, body, createdAt: at, updatedAt: at };
}
