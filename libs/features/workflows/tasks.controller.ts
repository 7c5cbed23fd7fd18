import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  AddTaskDependency,
  CreateTask,
  PageQuery,
  PatchTask,
  Task,
  TaskComment,
  TaskCommentId,
  TaskCommentPage,
  TaskId,
  TaskPage,
  TasksQuery,
  WriteTaskComment,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { TaskCommentsService } from './task-comments.service.js';
import { TasksQueries } from './tasks.queries.js';
import { TasksService } from './tasks.service.js';

@Controller('v1/tasks')
export class TasksController {
  constructor(
    private readonly tasks: TasksService,
    private readonly comments: TaskCommentsService,
    private readonly queries: TasksQueries,
  ) {}

  @Get()
  @Requires('tasks:read')
  @Answers('The tasks of the organization, newest first; guests see their own', TaskPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: TasksQuery }) query: TasksQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('tasks:write')
  @Answers('Makes a task', Task, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateTask }) body: CreateTask) {
    return this.tasks.create(ctx, body);
  }

  @Get(':id')
  @Requires('tasks:read')
  @Answers('One task', Task)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: TaskId }) id: TaskId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('tasks:write')
  @Answers('Changes a task', Task)
  change(@Ctx() ctx: OrgContext, @Param('id', { schema: TaskId }) id: TaskId, @Body({ schema: PatchTask }) body: PatchTask) {
    return this.tasks.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('tasks:write')
  @Answers('Removes a task with its comments', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: TaskId }) id: TaskId) {
    return this.tasks.remove(ctx, id);
  }

  @Get(':id/dependencies')
  @Requires('tasks:read')
  @Answers('The tasks that this one waits for', TaskPage)
  listDependencies(@Ctx() ctx: OrgContext, @Param('id', { schema: TaskId }) id: TaskId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.dependencies(ctx, id, query);
  }

  @Post(':id/dependencies')
  @Requires('tasks:write')
  @Answers('Lets the task wait for another one', Task, 201)
  addDependency(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: TaskId }) id: TaskId,
    @Body({ schema: AddTaskDependency }) { taskId }: AddTaskDependency,
  ) {
    return this.tasks.addDependency(ctx, id, taskId);
  }

  @Delete(':id/dependencies/:taskId')
  @Requires('tasks:write')
  @Answers('Lets the task no longer wait for another one', Task)
  removeDependency(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: TaskId }) id: TaskId,
    @Param('taskId', { schema: TaskId }) taskId: TaskId,
  ) {
    return this.tasks.removeDependency(ctx, id, taskId);
  }

  @Get(':id/comments')
  @Requires('tasks:read')
  @Answers('The comments on a task, oldest first', TaskCommentPage)
  listComments(@Ctx() ctx: OrgContext, @Param('id', { schema: TaskId }) id: TaskId, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.listComments(ctx, id, query);
  }

  @Post(':id/comments')
  @Requires('tasks:write')
  @Answers('Comments on a task', TaskComment, 201)
  addComment(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: TaskId }) id: TaskId,
    @Body({ schema: WriteTaskComment }) body: WriteTaskComment,
  ) {
    return this.comments.add(ctx, id, body);
  }

  @Patch(':id/comments/:commentId')
  @Requires('tasks:write')
  @Answers('Changes a comment of mine', TaskComment)
  changeComment(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: TaskId }) id: TaskId,
    @Param('commentId', { schema: TaskCommentId }) commentId: TaskCommentId,
    @Body({ schema: WriteTaskComment }) body: WriteTaskComment,
  ) {
    return this.comments.change(ctx, id, commentId, body);
  }

  @Delete(':id/comments/:commentId')
  @Requires('tasks:write')
  @Answers('Removes a comment', null)
  removeComment(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: TaskId }) id: TaskId,
    @Param('commentId', { schema: TaskCommentId }) commentId: TaskCommentId,
  ) {
    return this.comments.remove(ctx, id, commentId);
  }
}
