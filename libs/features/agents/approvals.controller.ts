import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { Approval, ApprovalId, ApprovalPage, ApprovalsQuery, DecideApproval } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ApprovalsQueries } from './approvals.queries.js';
import { ApprovalsService } from './approvals.service.js';

@Controller('v1/approvals')
export class ApprovalsController {
  constructor(
    private readonly approvals: ApprovalsService,
    private readonly queries: ApprovalsQueries,
  ) {}

  @Get()
  @Requires('approvals:read')
  @Answers('The approvals that I decide or asked for, newest first', ApprovalPage)
  list(@Ctx() ctx: OrgContext, @Query({ schema: ApprovalsQuery }) query: ApprovalsQuery) {
    return this.queries.list(ctx, query);
  }

  @Get(':id')
  @Requires('approvals:read')
  @Answers('One approval', Approval)
  get(@Ctx() ctx: OrgContext, @Param('id', { schema: ApprovalId }) id: ApprovalId) {
    return this.queries.get(ctx, id);
  }

  @Post(':id/approve')
  @Requires('approvals:decide')
  @Answers('Allows exactly what the approval names', Approval)
  approve(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ApprovalId }) id: ApprovalId,
    @Body({ schema: DecideApproval }) body: DecideApproval,
  ) {
    return this.approvals.decide(ctx, id, 'approved', body);
  }

  @Post(':id/reject')
  @Requires('approvals:decide')
  @Answers('Refuses it', Approval)
  reject(
    @Ctx() ctx: OrgContext,
    @Param('id', { schema: ApprovalId }) id: ApprovalId,
    @Body({ schema: DecideApproval }) body: DecideApproval,
  ) {
    return this.approvals.decide(ctx, id, 'rejected', body);
  }
}
