import { Controller, Get, Query } from '@nestjs/common';
import { AuditExportQuery, AuditPage, AuditQuery, AuditVerification } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { AuditExportService } from './audit-export.service.js';
import { AuditQueries } from './audit.queries.js';

@Controller('v1/audit')
export class AuditController {
  constructor(
    private readonly queries: AuditQueries,
    private readonly exports: AuditExportService,
  ) {}

  @Get()
  @Requires('audit:read')
  @Answers('What was done in the organization, newest first', AuditPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: AuditQuery }) query: AuditQuery) {
    return this.queries.list(ctx, query);
  }

  @Get('verify')
  @Requires('audit:read')
  @Answers('Recomputes the chain and says whether it holds', AuditVerification)
  verify(@Ctx() ctx: OrgContext) {
    return this.queries.verify(ctx);
  }

  @Get('export')
  @Requires('audit:read')
  @Answers('The log as a file, NDJSON or CSV', null, 200)
  export(@Ctx() ctx: OrgContext, @Query({ schema: AuditExportQuery }) query: AuditExportQuery) {
    return this.exports.export(ctx, query);
  }
}
