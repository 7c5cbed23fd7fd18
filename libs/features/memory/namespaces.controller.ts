import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { CreateNamespace, Namespace, NamespaceId, NamespacePage, PageQuery, PatchNamespace } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { NamespacesQueries } from './namespaces.queries.js';
import { NamespacesService } from './namespaces.service.js';

@Controller('v1/namespaces')
export class NamespacesController {
  constructor(
    private readonly namespaces: NamespacesService,
    private readonly queries: NamespacesQueries,
  ) {}

  @Get()
  @Requires('memory:read')
  @Answers('List the namespaces that one may see, oldest first', NamespacePage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('memory:write')
  @Answers('Make a namespace', Namespace, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateNamespace }) body: CreateNamespace) {
    return this.namespaces.create(ctx, body);
  }

  @Get(':id')
  @Requires('memory:read')
  @Answers('Read a namespace', Namespace)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: NamespaceId }) id: NamespaceId) {
    return this.queries.get(ctx, id);
  }

  @Patch(':id')
  @Requires('memory:write')
  @Answers('Change name, description or access of a namespace', Namespace)
  change(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: NamespaceId }) id: NamespaceId,
    @Body({ schema: PatchNamespace }) body: PatchNamespace,
  ) {
    return this.namespaces.change(ctx, id, body);
  }

  @Delete(':id')
  @Requires('memory:write')
  @Answers('Remove an empty namespace', null)
  remove(@Ctx() ctx: OrgContext, @Param('id', { schema: NamespaceId }) id: NamespaceId) {
    return this.namespaces.remove(ctx, id);
  }
}
