import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import {
  type CreateTask,
  MAX_TASK_DEPENDENCIES,
  type PatchTask,
  type PrincipalRef,
  type Task,
  type TaskId,
  type TaskSource,
} from '@atrium/contracts';
import { MessagesQueries } from '@atrium/features/chat';
import { Db, type Tx } from '@atrium/platform/db';
import { NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory, viaColumns } from '@atrium/platform/tenancy';
import { assertInOrder, assertMayRemove, assertNoCycle, makerOf, type TaskRow, toTask } from './task.js';
import { changesBetween, taskRemoved, taskTold } from './task-events.js';
import { TaskCommentRepository } from './task-comment.repository.js';
import { TaskRepository } from './task.repository.js';

/** The commands on tasks. */
@Injectable()
export class TasksService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly tasks: TaskRepository,
    private readonly comments: TaskCommentRepository,
    private readonly messages: MessagesQueries,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * @throws NotFound `tasks.assignee_not_found`, `tasks.not_found` for a dependency, `chat.message_not_found` for a source that the maker
   * may not read, Conflict `tasks.dependencies_open`
   */
  async create(ctx: OrgContext, input: CreateTask): Promise<Task> {
    await this.assertAssignee(ctx, input.assignee);
    await this.assertSource(ctx, input.source);
    return this.db.inOrg(ctx, async (tx) => {
      const row = newTask(ctx, input);
      if (row.dependsOn.length > 0) await this.tasks.assertReadable(tx, ctx, row.dependsOn);
      assertInOrder(row, await this.tasks.dependenciesOf(tx, ctx, row));
      await this.tasks.insert(tx, ctx, row);
      await this.events.append(tx, ctx, taskTold('tasks.created', toTask(row)));
      return toTask(row);
    });
  }

  /**
   * Honours If-Match. What is already so changes nothing.
   * @throws NotFound `tasks.not_found`, `tasks.assignee_not_found`, Conflict `tasks.dependency_cycle`, `tasks.dependencies_open`,
   * `request.precondition_failed`
   */
  async change(ctx: OrgContext, id: TaskId, patch: PatchTask): Promise<Task> {
    await this.assertAssignee(ctx, patch.assignee);
    return this.db.inOrg(ctx, async (tx) => {
      if (patch.dependsOn) await this.tasks.lockGraph(tx, ctx);
      const before = await this.tasks.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      return this.write(tx, ctx, before, patched(before, patch));
    });
  }

  /** @throws NotFound `tasks.not_found`, Conflict `tasks.dependency_cycle`, `tasks.dependencies_open`, QuotaExceeded `tasks.limit_reached` */
  addDependency(ctx: OrgContext, id: TaskId, dependsOnId: TaskId): Promise<Task> {
    return this.db.inOrg(ctx, async (tx) => {
      await this.tasks.lockGraph(tx, ctx);
      const before = await this.tasks.lock(tx, ctx, id);
      return this.write(tx, ctx, before, { ...before, dependsOn: sorted([...before.dependsOn, dependsOnId]) });
    });
  }

  /** @throws NotFound `tasks.not_found`, `tasks.dependency_not_found` */
  removeDependency(ctx: OrgContext, id: TaskId, dependsOnId: TaskId): Promise<Task> {
    return this.db.inOrg(ctx, async (tx) => {
      await this.tasks.lockGraph(tx, ctx);
      const before = await this.tasks.lock(tx, ctx, id);
      if (!before.dependsOn.includes(dependsOnId))
        throw new NotFound('tasks.dependency_not_found', 'The task does not depend on that one.');
      return this.write(tx, ctx, before, { ...before, dependsOn: before.dependsOn.filter((one) => one !== dependsOnId) });
    });
  }

  /**
   * Removes it with its comments, and the text of every event about it. Tasks that waited for it wait no more.
   * @throws NotFound `tasks.not_found`, Forbidden `tasks.not_the_creator`
   */
  async remove(ctx: OrgContext, id: TaskId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.tasks.lock(tx, ctx, id);
      assertMayRemove(ctx, row);
      assertUnchanged(ctx, row);
      for (const commentId of await this.comments.idsOf(tx, ctx, id))
        await this.events.eraseText(tx, ctx, { kind: 'task_comment', id: commentId });
      await this.events.eraseText(tx, ctx, { kind: 'task', id });
      await this.tasks.remove(tx, ctx, id);
      await this.events.append(tx, ctx, taskRemoved(toTask(row)));
    });
  }

  /** Under the lock of the graph when dependencies are added. */
  private async write(tx: Tx, ctx: OrgContext, before: TaskRow, after: TaskRow): Promise<Task> {
    const changes = changesBetween(toTask(before), toTask(after));
    if (!changes) return toTask(before);
    await this.assertDependencies(tx, ctx, before, after);
    if (after.status === 'done' && (changes['status'] || changes['dependsOn']))
      assertInOrder(after, await this.tasks.dependenciesOf(tx, ctx, after));
    const row = { ...after, updatedAt: later(before.updatedAt) };
    await this.tasks.update(tx, ctx, row);
    await this.events.append(tx, ctx, taskTold('tasks.changed', toTask(row), changes));
    return toTask(row);
  }

  private async assertDependencies(tx: Tx, ctx: OrgContext, before: TaskRow, { id, dependsOn }: TaskRow): Promise<void> {
    const added = dependsOn.filter((one) => !before.dependsOn.includes(one));
    if (added.length === 0) return;
    if (dependsOn.length > MAX_TASK_DEPENDENCIES)
      throw new QuotaExceeded('tasks.limit_reached', `A task waits for at most ${MAX_TASK_DEPENDENCIES} others.`);
    await this.tasks.assertReadable(tx, ctx, added);
    assertNoCycle(id, dependsOn, await this.tasks.edgesFrom(tx, ctx, dependsOn));
  }

  private async assertAssignee(ctx: OrgContext, assignee: PrincipalRef | null | undefined): Promise<void> {
    if (!assignee || (await this.directory.exists(ctx.orgId, assignee))) return;
    throw new NotFound('tasks.assignee_not_found', 'There is no such person or agent in the organization.');
  }

  private async assertSource(ctx: OrgContext, source: TaskSource | null | undefined): Promise<void> {
    if (!source) return;
    const { channelId } = await this.messages.get(ctx, source.messageId);
    if (channelId !== source.channelId) throw new NotFound('chat.message_not_found', 'There is no such message, or you may not read it.');
  }
}

const sorted = (ids: readonly string[]) => [...new Set(ids)].sort();

function newTask(ctx: OrgContext, { assignee, source, dueAt, dependsOn, ...input }: CreateTask): TaskRow {
  const maker = makerOf(ctx);
  const at = new Date();
  return {
    ...input,
    id: uuidv7(),
    assigneeKind: assignee?.kind ?? null,
    assigneeId: assignee?.id ?? null,
    dueAt: dueAt ? new Date(dueAt) : null,
    sourceChannelId: source?.channelId ?? null,
    sourceMessageId: source?.messageId ?? null,
    createdByKind: maker.kind,
    createdById: maker.id,
    onBehalfOf: ctx.principal.onBehalfOf,
    ...viaColumns(ctx),
    createdAt: at,
    updatedAt: at,
    dependsOn: sorted(dependsOn),
  };
}

function patched(before: TaskRow, { assignee, dueAt, dependsOn, ...rest }: PatchTask): TaskRow {
  return {
    ...before,
    title: rest.title ?? before.title,
    description: rest.description ?? before.description,
    status: rest.status ?? before.status,
    priority: rest.priority ?? before.priority,
    ...(assignee === undefined ? {} : { assigneeKind: assignee?.kind ?? null, assigneeId: assignee?.id ?? null }),
    ...(dueAt === undefined ? {} : { dueAt: dueAt === null ? null : new Date(dueAt) }),
    ...(dependsOn ? { dependsOn: sorted(dependsOn) } : {}),
  };
}
