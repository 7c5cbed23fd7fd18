import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { CreateModelBudget, ModelBudget, ModelBudgetId, ModelBudgetPage, PageQuery, PatchModelBudget } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { BudgetsQueries } from './budgets.queries.js';
import { BudgetsService } from './budgets.service.js';

@Controller('v1/model-budgets')
export class ModelBudgetsController {
  constructor(
    private readonly budgets: BudgetsService,
    private readonly queries: BudgetsQueries,
  ) {}

  @Get()
  @Requires('models:manage')
  @Answers('What models may cost a month, and what this month has used', ModelBudgetPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('models:manage')
  @Answers('Limits what models may cost a month: the organization, an agent, a person or each person', ModelBudget, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateModelBudget }) body: CreateModelBudget) {
    return this.budgets.create(ctx, body);
  }

  @Get(':id')
  @Requires('models:manage')
  @Answers('One budget', ModelBudget)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: ModelBudgetId }) id: ModelBudgetId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('models:manage')
  @Answers('Changes a budget', ModelBudget)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ModelBudgetId }) id: ModelBudgetId,
    @Body({ schema: PatchModelBudget }) body: PatchModelBudget,
  ) {
    return this.budgets.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('models:manage')
  @Answers('Removes a budget', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: ModelBudgetId }) id: ModelBudgetId) {
    return this.budgets.remove(ctx, id);
  }
}
