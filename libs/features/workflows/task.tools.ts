import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { CreateTask, PatchTask, Task, TaskId, TaskPage, TasksQuery } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { TasksQueries } from './tasks.queries.js';
import { TasksService } from './tasks.service.js';

/** Tasks for agents, MCP clients and workflow steps. */
@Injectable()
export class TaskTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly tasks: TasksService,
    private readonly queries: TasksQueries,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'task_create',
      description: 'Makes a task, for a person or an agent if an assignee is given. Use it when somebody has to do something later.',
      input: z.strictObject(CreateTask.shape),
      output: Task,
      permission: 'tasks:write',
      effects: ['writes', 'publishes'],
      run: (ctx, input) => this.tasks.create(ctx, input),
    });
    this.registry.register({
      name: 'task_update',
      description: 'Changes a task: its status, priority, assignee, due date, text or what it waits for. What is absent stays.',
      input: z.strictObject({ taskId: TaskId, ...PatchTask.shape }),
      output: Task,
      permission: 'tasks:write',
      effects: ['reads_private', 'reads_untrusted', 'writes', 'publishes'],
      run: (ctx, { taskId, ...patch }) => this.tasks.change(ctx, taskId, patch),
    });
    this.registry.register({
      name: 'task_list',
      description: 'Lists the tasks that the caller may see, newest first, filtered by status, priority, assignee, creator or due date.',
      input: z.strictObject({ ...TasksQuery.shape, limit: z.int().min(1).max(200).default(50) }),
      output: TaskPage,
      permission: 'tasks:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, input) => this.queries.list(ctx, input),
    });
  }
}
