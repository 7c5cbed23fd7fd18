import type { PrincipalRef, Task, TaskId, TaskPriority, TaskSource, TaskStatus, UserId } from '@atrium/contracts';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import { type OrgContext, personOf, viaOf } from '@atrium/platform/tenancy';

/** A row of `tasks`, with the ids of the tasks that it waits for. */
export interface TaskRow {
  id: string;
  title: string;
  description: string;
  status: string;
  priority: string;
  assigneeKind: string | null;
  assigneeId: string | null;
  dueAt: Date | null;
  sourceChannelId: string | null;
  sourceMessageId: string | null;
  createdByKind: string;
  createdById: string;
  onBehalfOf: string | null;
  viaKind: string | null;
  viaId: string | null;
  createdAt: Date;
  updatedAt: Date;
  dependsOn: string[];
}

export function toTask(row: TaskRow): Task {
  return {
    id: row.id as TaskId,
    title: row.title,
    description: row.description,
    status: row.status as TaskStatus,
    priority: row.priority as TaskPriority,
    assignee: row.assigneeId === null ? null : { kind: row.assigneeKind as PrincipalRef['kind'], id: row.assigneeId },
    dueAt: row.dueAt?.toISOString() ?? null,
    dependsOn: row.dependsOn as TaskId[],
    source: row.sourceMessageId === null ? null : ({ channelId: row.sourceChannelId, messageId: row.sourceMessageId } as TaskSource),
    createdBy: {
      kind: row.createdByKind as PrincipalRef['kind'],
      id: row.createdById,
      onBehalfOf: row.onBehalfOf as UserId | null,
      via: viaOf(row),
    },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** Who acts, as the maker of a task or a comment. The system makes none. */
export function makerOf({ principal }: OrgContext): PrincipalRef {
  if (principal.kind === 'system') throw new Error('the system makes no tasks');
  return { kind: principal.kind, id: principal.id };
}

/** Whose tasks a guest sees: their own id, and that of an agent that acts for them. Null for everybody else, who see all. */
export function onlyThoseOf(ctx: OrgContext): string[] | null {
  if (ctx.principal.role !== 'guest') return null;
  return [personOf(ctx), ctx.principal.id].filter((id): id is string & typeof id => id !== null);
}

/** Every member sees every task of the organization; a guest those that they made or that are assigned to them. */
export function mayRead(ctx: OrgContext, { createdById, assigneeId }: Pick<TaskRow, 'createdById' | 'assigneeId'>): boolean {
  const only = onlyThoseOf(ctx);
  return only === null || only.includes(createdById) || (assigneeId !== null && only.includes(assigneeId));
}

const isAdmin = ({ principal }: OrgContext) => principal.kind === 'system' || principal.role === 'owner' || principal.role === 'admin';
const acts = (ctx: OrgContext, id: string) => ctx.principal.id === id || personOf(ctx) === id;

/** @throws Forbidden `tasks.not_the_creator` */
export function assertMayRemove(ctx: OrgContext, { createdById }: Pick<TaskRow, 'createdById'>): void {
  if (!isAdmin(ctx) && !acts(ctx, createdById))
    throw new Forbidden('tasks.not_the_creator', 'Only its creator and administrators may remove this task.');
}

/** @throws Forbidden `tasks.not_the_author` */
export function assertAuthor(ctx: OrgContext, { authorId }: { authorId: string }, orAdmin: 'or admin' | 'only' = 'only'): void {
  if (!acts(ctx, authorId) && !(orAdmin === 'or admin' && isAdmin(ctx)))
    throw new Forbidden('tasks.not_the_author', 'Only its author may change this comment.');
}

export const taskNotFound = () => new NotFound('tasks.not_found', 'There is no such task, or you may not read it.');

const isOver = (status: string) => status === 'done' || status === 'cancelled';

/** @throws Conflict `tasks.dependencies_open` when it would be done before one of those that it waits for is done or cancelled. */
export function assertInOrder({ status }: Pick<TaskRow, 'status'>, dependencies: readonly Pick<TaskRow, 'status'>[]): void {
  const open = dependencies.filter((one) => !isOver(one.status)).length;
  if (status !== 'done' || open === 0) return;
  throw new Conflict(
    'tasks.dependencies_open',
    `The task waits for ${open} that ${open === 1 ? 'is' : 'are'} not done. End ${open === 1 ? 'it' : 'them'} first, or remove the dependency.`,
  );
}

/** `from` waits for `to`. */
export interface Edge {
  from: string;
  to: string;
}

/** @throws Conflict `tasks.dependency_cycle` when `taskId` can be reached from one of `dependsOn` along `edges`, or is one itself. */
export function assertNoCycle(taskId: string, dependsOn: readonly string[], edges: readonly Edge[]): void {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const seen = new Set<string>();
  const open = [...dependsOn];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === taskId)
      throw new Conflict('tasks.dependency_cycle', 'The task would wait for itself. Remove one of the dependencies between them first.', {
        params: { taskId, dependsOn },
      });
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(next.get(id) ?? []));
  }
}
