import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Agent, type AgentId, AgentLimits, type ChannelId } from '@atrium/contracts';
import { ChannelsService } from '@atrium/features/chat';
import { Db } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { Events, type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { agentTold, agentView } from './agent.js';
import { AgentRepository, type AgentRow } from './agent.repository.js';
import { ASSISTANT } from './assistant.js';

/** Gives every organization its assistant, and every public channel the assistant as a member. */
@Injectable()
export class AssistantService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly agents: AgentRepository,
    private readonly channels: ChannelsService,
  ) {}

  @OnEvent('agents.provision', ['organizations.created', 'chat.channel_created'])
  async provision(ctx: OrgContext, event: LoggedEvent): Promise<void> {
    const assistant = await this.ensure(ctx);
    if (event.type === 'chat.channel_created' && event.data['kind'] === 'public') await this.join(ctx, event, assistant.id);
  }

  /** The assistant, made at the first call. */
  async ensure(ctx: OrgContext): Promise<Agent> {
    return this.db.inOrg(ctx, async (tx) => {
      const there = await this.agents.findByName(tx, ctx, ASSISTANT.name);
      if (there) return agentView(there);
      const row = newAssistant(ctx);
      // Another process may have been first, after the look-up.
      if (!(await this.agents.insert(tx, row, null))) return agentView((await this.agents.findByName(tx, ctx, ASSISTANT.name)) ?? row);
      await this.events.append(tx, ctx, agentTold('agents.created', row));
      return agentView(row);
    });
  }

  /** Told twice, it must not come back into a channel that it was removed from in between. */
  private async join(ctx: OrgContext, event: LoggedEvent, agentId: AgentId): Promise<void> {
    const removals = await this.db.readInOrg(ctx, (tx) => this.events.after(tx, ctx, event.seq, 500, ['chat.member_removed']));
    const isOwn = (removal: LoggedEvent) =>
      removal.subject.id === event.subject.id && (removal.data['member'] as { id?: string } | undefined)?.id === agentId;
    if (removals.some(isOwn)) return;
    try {
      await this.channels.addAgent(ctx, event.subject.id as ChannelId, agentId);
    } catch (error) {
      // The channel was removed meanwhile.
      if (!(error instanceof DomainError) || error.retryable) throw error;
    }
  }
}

function newAssistant(ctx: OrgContext): AgentRow {
  const at = new Date();
  return {
    orgId: ctx.orgId,
    id: uuidv7(),
    ...ASSISTANT,
    tools: [...ASSISTANT.tools],
    capabilities: [...ASSISTANT.capabilities],
    status: 'active',
    version: 1,
    model: null,
    withoutApproval: [],
    limits: AgentLimits.parse({}),
    lastSeenAt: null,
    createdAt: at,
    updatedAt: at,
  };
}
