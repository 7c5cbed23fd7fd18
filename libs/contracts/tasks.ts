import { z } from 'zod';
import { Author, NamedPrincipal, PrincipalRef } from './chat.js';
import { Moment, page, PageQuery, text, Time } from './common.js';
import { titled } from './name.js';
import { ChannelId, MessageId, TaskCommentId, TaskId } from './ids.js';

export const TaskStatus = z.enum(['open', 'in_progress', 'blocked', 'done', 'cancelled']);
export type TaskStatus = z.infer<typeof TaskStatus>;
export const TaskPriority = z.enum(['low', 'normal', 'high', 'urgent']);
export type TaskPriority = z.infer<typeof TaskPriority>;
/** The message that a task was made from. */
export const TaskSource = z.strictObject({ channelId: ChannelId, messageId: MessageId }).meta({ id: 'TaskSource' });
export type TaskSource = z.infer<typeof TaskSource>;

export const Task = z
  .strictObject({
    id: TaskId,
    title: z.string(),
    description: z.string(),
    status: TaskStatus,
    priority: TaskPriority,
    /** A person or an agent of the organization. */
    assignee: PrincipalRef.nullable(),
    dueAt: Time.nullable(),
    /** Tasks that come before this one, which is not done before they are done or cancelled; never a circle. In the order of their ids. */
    dependsOn: z.array(TaskId),
    source: TaskSource.nullable(),
    createdBy: Author,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Task' });
export type Task = z.infer<typeof Task>;
export const TaskPage = page(Task).meta({ id: 'TaskPage' });

/** How many tasks one task may wait for. */
export const MAX_TASK_DEPENDENCIES = 50;
const Title = titled(300);
const Description = text(16_000);
const DependsOn = z.array(TaskId).max(MAX_TASK_DEPENDENCIES);

export const CreateTask = z
  .strictObject({
    title: Title,
    description: Description.default(''),
    status: TaskStatus.default('open'),
    priority: TaskPriority.default('normal'),
    assignee: PrincipalRef.nullish(),
    dueAt: Moment.nullish(),
    dependsOn: DependsOn.default([]),
    source: TaskSource.nullish(),
  })
  .meta({ id: 'CreateTask' });
export type CreateTask = z.infer<typeof CreateTask>;
/** What is absent stays; `null` empties. */
export const PatchTask = z
  .strictObject({
    title: Title.optional(),
    description: Description.optional(),
    status: TaskStatus.optional(),
    priority: TaskPriority.optional(),
    assignee: PrincipalRef.nullable().optional(),
    dueAt: Moment.nullable().optional(),
    dependsOn: DependsOn.optional(),
  })
  .meta({ id: 'PatchTask' });
export type PatchTask = z.infer<typeof PatchTask>;

/** Newest first. `dueBefore` is exclusive; `assigneeId` and `createdById` are of a person or an agent. */
export const TasksQuery = z.strictObject({
  ...PageQuery.shape,
  status: TaskStatus.optional(),
  priority: TaskPriority.optional(),
  assigneeId: z.uuid().optional(),
  createdById: z.uuid().optional(),
  dueBefore: Moment.optional(),
});
export type TasksQuery = z.infer<typeof TasksQuery>;

export const AddTaskDependency = z.strictObject({ taskId: TaskId }).meta({ id: 'AddTaskDependency' });
export type AddTaskDependency = z.infer<typeof AddTaskDependency>;

export const TaskComment = z
  .strictObject({
    id: TaskCommentId,
    taskId: TaskId,
    author: NamedPrincipal,
    body: z.string(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'TaskComment' });
export type TaskComment = z.infer<typeof TaskComment>;
export const TaskCommentPage = page(TaskComment).meta({ id: 'TaskCommentPage' });
export const WriteTaskComment = z
  .strictObject({ body: text(8_000).refine((value) => value.trim().length > 0, 'must not be empty') })
  .meta({ id: 'WriteTaskComment' });
export type WriteTaskComment = z.infer<typeof WriteTaskComment>;
