import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { CreateSchedule, PageQuery, PatchSchedule, Schedule, ScheduleId, SchedulePage } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { SchedulesService } from './schedules.service.js';

@Controller('v1/schedules')
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @Get()
  @Requires('workflows:read')
  @Answers('The schedules of workflows, newest first', SchedulePage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.schedules.list(ctx, query);
  }

  @Post()
  @Requires('workflows:run')
  @Answers('Lets a workflow run again and again, with my rights', Schedule, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateSchedule }) body: CreateSchedule) {
    return this.schedules.create(ctx, body);
  }

  @Get(':id')
  @Requires('workflows:read')
  @Answers('One schedule', Schedule)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: ScheduleId }) id: ScheduleId) {
    return this.schedules.get(ctx, id);
  }

  @Patch(':id')
  @Requires('workflows:run')
  @Answers('Changes a schedule, or turns it off and on', Schedule)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ScheduleId }) id: ScheduleId,
    @Body({ schema: PatchSchedule }) body: PatchSchedule,
  ) {
    return this.schedules.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('workflows:run')
  @Answers('Removes a schedule', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: ScheduleId }) id: ScheduleId) {
    return this.schedules.remove(ctx, id);
  }
}
