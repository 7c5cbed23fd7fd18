import { isDeepStrictEqual } from 'node:util';
import type { EventType, Task, TaskComment } from '@atrium/contracts';
import type { EventDraft, Json, JsonObject } from '@atrium/platform/events';

type TaskEvent = Extract<EventType, 'tasks.created' | 'tasks.changed'>;

/** Carries the whole task, so that a client need not fetch it; what persons wrote is in the erasable text. */
export function taskTold(type: TaskEvent, task: Task, changes?: EventDraft['changes']): EventDraft {
  const { title, description, ...facts } = task;
  return {
    type,
    subject: { kind: 'task', id: task.id },
    audience: 'organization',
    data: { taskId: task.id, task: { ...facts, title: '', description: '' } as JsonObject },
    text: { task: { title, description } },
    ...(changes ? { changes } : {}),
  };
}

const TEXTS: readonly string[] = ['title', 'description'];

/** What differs between two states of a task, for auditors; null when nothing does. */
export function changesBetween(before: Task, after: Task): NonNullable<EventDraft['changes']> | null {
  const fields = ['title', 'description', 'status', 'priority', 'assignee', 'dueAt', 'dependsOn'] as const;
  const changed = fields.filter((name) => !isDeepStrictEqual(before[name], after[name]));
  const told = changed.map((name): [string, [Json, Json]] =>
    TEXTS.includes(name) ? [name, ['[text]', '[text]']] : [name, [before[name] as Json, after[name] as Json]],
  );
  return changed.length === 0 ? null : Object.fromEntries(told);
}

/** The last that is told of a task. */
export function taskRemoved({ id }: Task): EventDraft {
  return { type: 'tasks.removed', subject: { kind: 'task', id }, audience: 'organization', data: { taskId: id } };
}

export function commentTold(type: 'tasks.comment_added' | 'tasks.comment_changed', comment: TaskComment): EventDraft {
  const { body, author, ...facts } = comment;
  return {
    type,
    subject: { kind: 'task_comment', id: comment.id },
    audience: 'organization',
    data: { taskId: comment.taskId, comment: { ...facts, body: '', author: { ...author, displayName: '' } } },
    text: { comment: { body, author: { ...author } } },
    ...(type === 'tasks.comment_changed' ? { changes: { body: ['[text]', '[text]'] } } : {}),
  };
}

export function commentRemoved({ id, taskId }: { id: string; taskId: string }): EventDraft {
  return {
    type: 'tasks.comment_removed',
    subject: { kind: 'task_comment', id },
    audience: 'organization',
    data: { taskId, commentId: id },
  };
}
