import { Body, Controller, Get, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CreateOrganization, MyOrganization, MyOrganizationPage, Organization, PageQuery, PatchOrganization } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { OrganizationsQueries } from './organizations.queries.js';
import { OrganizationsService } from './organizations.service.js';

@ApiTags('organizations')
@Controller('v1')
export class OrganizationsController {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly queries: OrganizationsQueries,
  ) {}

  @Get('organizations')
  @Requires('account:read')
  @Answers('The organizations that I am in', MyOrganizationPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.mine(ctx, query);
  }

  @Post('organizations')
  @Requires('account:write')
  @Answers('Create another organization', MyOrganization, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: CreateOrganization }) body: CreateOrganization) {
    return this.organizations.create(ctx, body);
  }

  @Get('organization')
  @Requires('organization:read')
  @Answers('The organization of the token', Organization)
  get(@Ctx() ctx: OrgContext) {
    return this.queries.current(ctx);
  }

  @Patch('organization')
  @Requires('organization:manage')
  @Answers('Rename the organization', Organization)
  patch(@Ctx() ctx: OrgContext, @Body({ schema: PatchOrganization }) body: PatchOrganization) {
    return this.organizations.rename(ctx, body);
  }
}
