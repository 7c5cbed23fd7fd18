import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { Approval, ApprovalId, ApprovalPage, ApprovalsQuery, Decision } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { ApprovalsQueries } from './approvals.queries.js';
import { ApprovalsService } from './approvals.service.js';

/** Approvals for MCP clients of persons; agents may look, not decide. */
@Injectable()
export class ApprovalTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly approvals: ApprovalsService,
    private readonly queries: ApprovalsQueries,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'approval_list',
      description: 'Lists the approvals that the caller decides or asked for, newest first, filtered by status or by what waits.',
      input: z.strictObject({ ...ApprovalsQuery.shape, limit: z.int().min(1).max(200).default(50) }),
      output: ApprovalPage,
      permission: 'approvals:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, input) => this.queries.list(ctx, input),
    });
    this.registry.register({
      name: 'approval_decide',
      description: 'Approves or rejects what an approval names. Only persons may; agents and workflows are refused.',
      input: z.strictObject({ approvalId: ApprovalId, decision: z.enum(['approved', 'rejected']), ...Decision.shape }),
      output: Approval,
      permission: 'approvals:decide',
      isOpenTo: ({ principal }) => principal.kind === 'user',
      effects: ['writes'],
      run: (ctx, { approvalId, decision, ...rest }) => this.approvals.decide(ctx, approvalId, decision, rest),
    });
  }
}
