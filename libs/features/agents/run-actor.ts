import { Injectable } from '@nestjs/common';
import { type AgentId, type OrgId, type Permission, ROLE_PERMISSIONS, type Role, type UserId } from '@atrium/contracts';
import { MembersQueries } from '@atrium/features/organizations';
import { Db } from '@atrium/platform/db';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import { asAgent, type OrgContext, runContext } from '@atrium/platform/tenancy';
import { AgentRepository, type AgentRow } from './agent.repository.js';
import type { RunRow } from './run.repository.js';

type Acting = Pick<RunRow, 'agentId' | 'personId' | 'permissions'>;

/** What the run does, and in whose name is to be said. */
export const contextOf = (orgId: OrgId, runId: string): OrgContext => runContext(orgId, { kind: 'agent_run', id: runId });

export const notActive = () => new Conflict('agents.not_active', 'The agent is not active: nobody can run it now.');

/** The rights of a run: what its person could do when it began and may still do, by an agent that may still work. */
@Injectable()
export class AgentRunActor {
  constructor(
    private readonly db: Db,
    private readonly members: MembersQueries,
    private readonly agents: AgentRepository,
  ) {}

  /** The agent on behalf of the person, at this moment. @throws Forbidden `agents.starter_gone`, Conflict `agents.not_active` */
  async of(system: OrgContext, run: Acting): Promise<OrgContext> {
    return (await this.now(system, run)).ctx;
  }

  /** The same, and the agent as it is. @throws as `of` */
  async now(system: OrgContext, run: Acting): Promise<{ ctx: OrgContext; agent: AgentRow }> {
    const agent = await this.db.readInOrg(system, (tx) => this.agents.find(tx, system, run.agentId));
    if (agent?.status !== 'active') throw notActive();
    const member = await this.members.get(system, run.personId as UserId).catch((error: unknown) => {
      if (error instanceof NotFound) return null;
      throw error;
    });
    const held = new Set<Permission>(member && !member.suspendedAt ? ROLE_PERMISSIONS[member.role] : []);
    if (!member || !held.has('agents:run'))
      throw new Forbidden('agents.starter_gone', 'Who started the run may not run agents in this organization any more.');
    const permissions = new Set(run.permissions.filter((one): one is Permission => held.has(one as Permission)));
    return { ctx: acting(system, run, member.role, permissions), agent };
  }
}

/** For the record only: in whose name something happened, without a right. */
export const inNameOf = (system: OrgContext, run: Acting): OrgContext => acting(system, run, 'guest', new Set());

function acting(system: OrgContext, { agentId, personId }: Acting, role: Role, permissions: ReadonlySet<Permission>): OrgContext {
  return Object.freeze({ ...asAgent(system, agentId as AgentId, personId as UserId, role), permissions, credential: null });
}
