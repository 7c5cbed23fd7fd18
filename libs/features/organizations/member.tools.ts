import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { MemberPage, PageQuery } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { MembersQueries } from './members.queries.js';

/** The people of an organization for agents, MCP clients and workflow steps. */
@Injectable()
export class MemberTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly members: MembersQueries,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'member_list',
      description:
        'Lists the people of the organization with name, e-mail address and role. Use it to find a userId. Go on with nextCursor.',
      input: z.strictObject({ ...PageQuery.shape, limit: z.int().min(1).max(200).default(50) }),
      output: MemberPage,
      permission: 'members:read',
      effects: ['reads_private'],
      run: (ctx, input) => this.members.list(ctx, input),
    });
  }
}
