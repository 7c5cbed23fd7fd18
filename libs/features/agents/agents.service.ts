import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Agent, AgentFile, AgentId, AgentImport, CreateAgent, PatchAgent } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, Forbidden, Invalid, QuotaExceeded } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { agentTold, agentView, assertMayBecome, changesOf, patched } from './agent.js';
import { AgentRepository, type AgentRow } from './agent.repository.js';
import { ASSISTANT } from './assistant.js';

const MAX_AGENTS = 1_000;
const MAX_VERSIONS = 1_000;
/** Events of an import that are appended together. */
const TOLD_AT_ONCE = 500;

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
    return this.db.inOrg(ctx, async (tx) => {
      await this.assertRoom(tx, ctx, 1);
      const row = await this.make(tx, ctx, input);
      await this.events.append(tx, ctx, agentTold('agents.created', row));
      return agentView(row);
    });
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
      const told: EventDraft[] = [];
      const rows = await this.agents.lockNamed(
        tx,
        ctx,
        file.agents.map(({ name }) => name),
      );
      const there = new Map(rows.map((row) => [row.name, row]));
      if (rows.length < file.agents.length) await this.assertRoom(tx, ctx, file.agents.length - rows.length);
      // In one order, so that two imports at once do not wait for each other.
      for (const [at, agent] of [...file.agents.entries()].toSorted(([, a], [, b]) => (a.name < b.name ? -1 : 1))) {
        const before = there.get(agent.name);
        if (before) {
          assertMayBecome(before, agent.status);
          const after = patched(before, { displayName: agent.name, ...agent }, later(before.updatedAt));
          const changes = changesOf(before, after);
          // A tool that is gone since is no fault of a file that says what is there already.
          if (changes?.tools || changes?.withoutApproval) assertTools(agent, known, `/agents/${at}`);
          names[changes ? 'changed' : 'unchanged'].push(agent.name);
          if (changes) told.push(await this.store(tx, ctx, before, after, changes));
        } else {
          assertTools(agent, known, `/agents/${at}`);
          told.push(agentTold('agents.created', await this.make(tx, ctx, agent)));
          names.created.push(agent.name);
        }
      }
      // Last, since it locks the organization's log.
      for (let at = 0; at < told.length; at += TOLD_AT_ONCE) await this.events.appendMany(tx, ctx, told.slice(at, at + TOLD_AT_ONCE));
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
      const after = patched(before, patch, later(before.updatedAt));
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

  /** @throws QuotaExceeded `agents.limit_reached` */
  private async assertRoom(tx: Tx, ctx: OrgContext, more: number): Promise<void> {
    if ((await this.agents.count(tx, ctx)) + more > MAX_AGENTS) throw limitReached(`An organization has at most ${MAX_AGENTS} agents.`);
  }

  /** @throws Conflict `agents.name_taken` */
  private async make(tx: Tx, ctx: OrgContext, { displayName, ...input }: AgentFile['agents'][number]): Promise<AgentRow> {
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
    // The name of the assistant is kept for it, also before it is made.
    if (row.name === ASSISTANT.name || !(await this.agents.insert(tx, row, personOf(ctx))))
      throw new Conflict('agents.name_taken', 'An agent of this name exists.');
    return row;
  }

  private async write(tx: Tx, ctx: OrgContext, before: AgentRow, after: AgentRow): Promise<Agent> {
    const changes = changesOf(before, after);
    if (!changes) return agentView(before);
    await this.events.append(tx, ctx, await this.store(tx, ctx, before, after, changes));
    return agentView(after);
  }

  /** Answers what is to be told of it. @throws QuotaExceeded `agents.limit_reached` */
  private async store(
    tx: Tx,
    ctx: OrgContext,
    before: AgentRow,
    after: AgentRow,
    changes: NonNullable<EventDraft['changes']>,
  ): Promise<EventDraft> {
    if (after.version > MAX_VERSIONS) throw limitReached(`An agent has at most ${MAX_VERSIONS} versions.`);
    await this.agents.update(tx, after);
    if (after.version !== before.version) await this.agents.insertVersion(tx, after, personOf(ctx));
    return agentTold('agents.changed', after, changes);
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

const limitReached = (message: string) => new QuotaExceeded('agents.limit_reached', message, { retryable: false });
