import { Injectable } from '@nestjs/common';
import type { Agent, AgentId, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AgentRepository, agentView } from './agent.repository.js';

@Injectable()
export class AgentsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly agents: AgentRepository,
  ) {}

  /** Oldest first. */
  list(ctx: OrgContext, query: PageQuery): Promise<Page<Agent>> {
    const after = decodeCursor(query.cursor, ['uuid']);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await tx.agent.findMany({
        where: { orgId: ctx.orgId, ...(after ? { id: { gt: after[0] } } : {}) },
        orderBy: { id: 'asc' },
        take: query.limit + 1,
      });
      const page = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ ...page, data: page.data.map(agentView) }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `agents.not_found` */
  get(ctx: OrgContext, id: AgentId): Promise<Agent> {
    return this.db.readInOrg(ctx, async (tx) => agentView(await this.agents.get(tx, ctx, id)));
  }
}
