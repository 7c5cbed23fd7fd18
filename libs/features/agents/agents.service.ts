import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Agent, AgentFile, AgentId, AgentImport, CreateAgent, PatchAgent } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, Forbidden, Invalid, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { agentTold, agentView, assertMayBecome, changesOf, patched } from './agent.js';
import { AgentRepository, type AgentRow } from './agent.repository.js';
import { ASSISTANT } from './assistant.js';

const MAX_AGENTS = 1_000;
const MAX_VERSIONS = 1_000;

/** The commands on agents. A version never changes: other instructions, tools or limits are the next version. */
@Injectable()
export class AgentsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly agents: AgentRepository,
    private readonly tools: ToolRegistry,
  ) {}

  /** @throws Invalid `agents.unknown_tool`, Conflict `agents.name_taken`, QuotaExceeded `agents.limit_reached` */
  async create(ctx: OrgContext, input: CreateAgent): Promise<Agent> {
    assertTools(input, await this.tools.names(ctx));
    return this.db.inOrg(ctx, (tx) => this.make(tx, ctx, input));
  }

  /**
   * Brings in a file: makes the agents whose names are new, and gives those that are there what it says, as a next version where that is
   * another one. All or none; agents that are not in the file stay as they are.
   * @throws Invalid `agents.unknown_tool`, Conflict `agents.retired`, `agents.name_taken`, QuotaExceeded `agents.limit_reached`
   */
  async import(ctx: OrgContext, file: AgentFile): Promise<AgentImport> {
    const known = await this.tools.names(ctx);
    return this.db.inOrg(ctx, async (tx) => {
      const names: AgentImport = { created: [], changed: [], unchanged: [] };
      // In one order, so that two imports at once do not wait for each other.
      for (const [at, agent] of [...file.agents.entries()].toSorted(([, a], [, b]) => (a.name < b.name ? -1 : 1))) {
        const there = await this.agents.findByName(tx, ctx, agent.name);
        if (there) {
          const before = await this.agents.lock(tx, ctx, there.id as AgentId);
          assertMayBecome(before, agent.status);
          const after = patched(before, { displayName: agent.name, ...agent }, later(before));
          const changes = changesOf(before, after);
          // A tool that is gone since is no fault of a file that says what is there already.
          if (changes?.tools || changes?.withoutApproval) assertTools(agent, known, `/agents/${at}`);
          names[changes ? 'changed' : 'unchanged'].push(agent.name);
          await this.write(tx, ctx, before, after);
        } else {
          assertTools(agent, known, `/agents/${at}`);
          await this.make(tx, ctx, agent);
          names.created.push(agent.name);
        }
      }
      return names;
    });
  }

  /**
   * Honours If-Match. Runs under way keep their version; they end when the agent is not active any more.
   * @throws NotFound `agents.not_found`, Invalid `agents.unknown_tool`, Conflict `agents.retired`, `agents.built_in`,
   * `request.precondition_failed`, QuotaExceeded `agents.limit_reached`
   */
  async change(ctx: OrgContext, id: AgentId, patch: PatchAgent): Promise<Agent> {
    const known = await this.tools.names(ctx);
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.agents.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      assertMayBecome(before, patch.status ?? 'active');
      const after = patched(before, patch, later(before));
      if (patch.tools || patch.withoutApproval) assertTools(after, known);
      return this.write(tx, ctx, before, after);
    });
  }

  /** Retires it: it runs no more, and its name stays taken. @throws NotFound `agents.not_found`, Conflict `agents.built_in` */
  async retire(ctx: OrgContext, id: AgentId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const before = await this.agents.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      if (before.status === 'retired') return;
      assertMayBecome(before, 'retired');
      await this.write(tx, ctx, before, { ...before, status: 'retired', updatedAt: new Date() });
    });
  }

  /** Notes that it lives. No event: it says nothing of what the agent is. @throws NotFound `agents.not_found`, Forbidden `agents.not_itself` */
  heartbeat(ctx: OrgContext, id: AgentId): Promise<Agent> {
    return this.db.inOrg(ctx, async (tx) => {
      const row = await this.agents.get(tx, ctx, id);
      const isItself = ctx.principal.kind === 'agent' && ctx.principal.id === id;
      if (!isItself && !ctx.permissions.has('agents:manage'))
        throw new Forbidden('agents.not_itself', 'Only the agent itself and administrators may tell that it lives.');
      const at = new Date();
      await this.agents.see(tx, ctx, id, at);
      return agentView({ ...row, lastSeenAt: at });
    });
  }

  private async make(tx: Tx, ctx: OrgContext, { displayName, ...input }: AgentFile['agents'][number]): Promise<Agent> {
    const at = new Date();
    const row: AgentRow = {
      ...input,
      orgId: ctx.orgId,
      id: uuidv7(),
      displayName: displayName ?? input.name,
      version: 1,
      lastSeenAt: null,
      createdAt: at,
      updatedAt: at,
    };
    if ((await this.agents.count(tx, ctx)) >= MAX_AGENTS) throw limitReached(`An organization has at most ${MAX_AGENTS} agents.`);
    // The name of the assistant is kept for it, also before it is made.
    if (row.name === ASSISTANT.name || !(await this.agents.insert(tx, row, personOf(ctx))))
      throw new Conflict('agents.name_taken', 'An agent of this name exists.');
    await this.events.append(tx, ctx, agentTold('agents.created', row));
    return agentView(row);
  }

  private async write(tx: Tx, ctx: OrgContext, before: AgentRow, after: AgentRow): Promise<Agent> {
    const changes = changesOf(before, after);
    if (!changes) return agentView(before);
    if (after.version > MAX_VERSIONS) throw limitReached(`An agent has at most ${MAX_VERSIONS} versions.`);
    await this.agents.update(tx, after);
    if (after.version !== before.version) await this.agents.insertVersion(tx, after, personOf(ctx));
    await this.events.append(tx, ctx, agentTold('agents.changed', after, changes));
    return agentView(after);
  }
}

/** @throws Invalid `agents.unknown_tool` */
function assertTools({ tools, withoutApproval }: Pick<AgentRow, 'tools' | 'withoutApproval'>, known: readonly string[], at = ''): void {
  const places = [
    ...tools.flatMap((name, index) =>
      known.includes(name) ? [] : [{ pointer: `${at}/tools/${index}`, message: 'there is no such tool' }],
    ),
    ...withoutApproval.flatMap((name, index) =>
      tools.includes(name) ? [] : [{ pointer: `${at}/withoutApproval/${index}`, message: 'must be one of the agent’s tools' }],
    ),
  ];
  if (places.length > 0) throw new Invalid('agents.unknown_tool', 'The agent cannot have these tools.', { places });
}

/** After the last change, also where the clock says otherwise. */
const later = ({ updatedAt }: AgentRow) => new Date(Math.max(Date.now(), updatedAt.getTime() + 1));

const limitReached = (message: string) => new QuotaExceeded('agents.limit_reached', message, { retryable: false });
