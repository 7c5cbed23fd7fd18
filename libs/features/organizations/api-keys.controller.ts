import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ApiKeyId, ApiKeyPage, CreateApiKey, CreatedApiKey, PageQuery } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('organizations')
@Controller('v1/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @Requires('api-keys:manage')
  @Answers('My API keys; all of them for who manages members', ApiKeyPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.keys.list(ctx, query);
  }

  @Post()
  @Requires('api-keys:manage')
  @Answers('Make an API key; the answer has it, this once', CreatedApiKey, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateApiKey }) body: CreateApiKey) {
    return this.keys.create(ctx, body);
  }

  @Delete(':id')
  @Requires('api-keys:manage')
  @Answers('Revoke an API key', null)
  revoke(@Ctx() ctx: OrgContext, @Param('id', { schema: ApiKeyId }) id: ApiKeyId) {
    return this.keys.revoke(ctx, id);
  }
}
