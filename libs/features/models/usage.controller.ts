import { Controller, Get, Query } from '@nestjs/common';
import { ModelUsagePage, ModelUsageQuery } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { UsageQueries } from './usage.queries.js';

@Controller('v1')
export class ModelUsageController {
  constructor(private readonly usage: UsageQueries) {}

  @Get('model-usage')
  @Requires('models:manage')
  @Answers('What models were used for and what it cost, by day, agent, person, provider or model', ModelUsagePage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: ModelUsageQuery }) query: ModelUsageQuery) {
    return this.usage.list(ctx, query);
  }

  @Get('me/model-usage')
  @Requires('account:read')
  @Answers('The same of the caller alone', ModelUsagePage)
  own(@Ctx() ctx: OrgContext, @Query({ schema: ModelUsageQuery }) query: ModelUsageQuery) {
    return this.usage.own(ctx, query);
  }
}
