import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import {
  CreateModelProvider,
  ModelProvider,
  ModelProviderId,
  ModelProviderPage,
  ModelProviderTest,
  PageQuery,
  PatchModelProvider,
  TestModelProvider,
} from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ProviderTests } from './provider-tests.js';
import { ProvidersQueries } from './providers.queries.js';
import { ProvidersService } from './providers.service.js';

@Controller('v1/model-providers')
export class ModelProvidersController {
  constructor(
    private readonly providers: ProvidersService,
    private readonly queries: ProvidersQueries,
    private readonly tests: ProviderTests,
  ) {}

  @Get()
  @Requires('models:manage')
  @Answers('The model providers of the organization, in the order in which they are asked', ModelProviderPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('models:manage')
  @Answers('Adds a model provider; its key is kept encrypted and never shown', ModelProvider, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateModelProvider }) body: CreateModelProvider) {
    return this.providers.create(ctx, body);
  }

  @Get(':id')
  @Requires('models:manage')
  @Answers('One model provider', ModelProvider)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: ModelProviderId }) id: ModelProviderId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('models:manage')
  @Answers('Changes a model provider, or turns it off and on', ModelProvider)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ModelProviderId }) id: ModelProviderId,
    @Body({ schema: PatchModelProvider }) body: PatchModelProvider,
  ) {
    return this.providers.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('models:manage')
  @Answers('Removes a model provider; what it was used for stays counted', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: ModelProviderId }) id: ModelProviderId) {
    return this.providers.remove(ctx, id);
  }

  @Post(':id/test')
  @Requires('models:manage')
  @Answers('Asks a model provider for one word, and says what came of it', ModelProviderTest)
  test(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ModelProviderId }) id: ModelProviderId,
    @Body({ schema: TestModelProvider }) body: TestModelProvider,
  ) {
    return this.tests.test(ctx, id, body);
  }
}
