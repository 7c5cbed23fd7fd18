import { Injectable } from '@nestjs/common';
import type { Agent, AgentFile, AgentId, AgentsQuery, AgentVersion, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { agentView, exported, versionView } from './agent.js';
import { AgentRepository } from './agent.repository.js';
import { ASSISTANT } from './assistant.js';

@Injectable()
export class AgentsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly agents: AgentRepository,
  ) {}

  /** Oldest first. */
  list(ctx: OrgContext, query: AgentsQuery): Promise<Page<Agent>> {
    const after = decodeCursor(query.cursor, ['uuid'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      const page = pageOf(await this.agents.list(tx, ctx, query, after), query.limit, (last) => [last.id]);
      return listed({ ...page, data: page.data.map(agentView) }, await this.events.head(tx, ctx));
    });
  }

  /** By name, as an import takes them: without the assistant, which is built in, and the retired. */
  export(ctx: OrgContext): Promise<AgentFile> {
    return this.db.readInOrg(ctx, async (tx) => ({ agents: (await this.agents.portable(tx, ctx)).map(exported) }));
  }

  /** Of these names those that there are: retired agents are none, and the assistant is one also before it is made. */
  async known(ctx: OrgContext, names: readonly string[]): Promise<string[]> {
    return [ASSISTANT.name, ...(await this.db.readInOrg(ctx, (tx) => this.agents.known(tx, ctx, names)))];
  }

  /** @throws NotFound `agents.not_found` */
  get(ctx: OrgContext, id: AgentId): Promise<Agent> {
    return this.db.readInOrg(ctx, async (tx) => agentView(await this.agents.get(tx, ctx, id)));
  }

  /** Newest first. @throws NotFound `agents.not_found` */
  versions(ctx: OrgContext, id: AgentId, { limit, cursor }: PageQuery): Promise<Page<AgentVersion>> {
    const before = decodeCursor(cursor, ['int'])?.[0] ?? null;
    return this.db.readInOrg(ctx, async (tx) => {
      await this.agents.get(tx, ctx, id);
      const { data, nextCursor } = pageOf(await this.agents.versions(tx, ctx, id, before, limit + 1), limit, (last) => [last.number]);
      return listed({ data: data.map(versionView), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `agents.not_found`, `agents.version_not_found` */
  version(ctx: OrgContext, id: AgentId, number: number): Promise<AgentVersion> {
    return this.db.readInOrg(ctx, async (tx) => {
      await this.agents.get(tx, ctx, id);
      return versionView(await this.agents.version(tx, ctx, id, number));
    });
  }
}
