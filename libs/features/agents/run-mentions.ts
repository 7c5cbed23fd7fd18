import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { AgentId, Message, MessageId } from '@atrium/contracts';
import { AnswersService, MessagesQueries } from '@atrium/features/chat';
import { Db } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { type LoggedEvent, OnEvent, rightsOf } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AgentRepository, type AgentRow } from './agent.repository.js';
import { ASSISTANT } from './assistant.js';
import { asksAgent, ASKING, mentionedAgents } from './mentioned.js';
import { AgentRunActor } from './run-actor.js';
import { AgentRunStarts } from './run-starts.js';
import { unlessRefused } from './unless-refused.js';

/** Agents of one message that are run; further ones are only named. */
const MAX_MENTIONED = 3;

/** A person who mentions an agent in a channel, be it by editing a message, starts a run of it, which answers in the thread. The assistant has its own turns. */
@Injectable()
export class AgentRunMentions {
  constructor(
    private readonly db: Db,
    private readonly agents: AgentRepository,
    private readonly messages: MessagesQueries,
    private readonly answers: AnswersService,
    private readonly actor: AgentRunActor,
    private readonly starts: AgentRunStarts,
  ) {}

  @OnEvent('agents.mentions', ASKING, asksAgent('agents:run'))
  async hear(system: OrgContext, event: LoggedEvent): Promise<void> {
    const mentioned = await this.db.readInOrg(system, (tx) =>
      Promise.all(mentionedAgents(event).map((id) => this.agents.find(tx, system, id))),
    );
    const agents = mentioned.filter((agent) => agent?.status === 'active' && agent.name !== ASSISTANT.name).slice(0, MAX_MENTIONED);
    const question = agents.length === 0 ? null : await unlessRefused(() => this.messages.get(system, event.subject.id as MessageId));
    if (!question || question.deletedAt) return;
    for (const agent of agents) if (agent) await this.start(system, event, agent, question);
  }

  /** Opens the answer, which names the run, then starts that run, which ends it. Told twice, both are there already. */
  private async start(system: OrgContext, event: LoggedEvent, agent: AgentRow, question: Message): Promise<void> {
    const acting = { agentId: agent.id as AgentId, personId: question.author.id, permissions: rightsOf(event) };
    const ctx = await unlessRefused(() => this.actor.of(system, acting));
    if (!ctx) return;
    const { channelId } = question;
    const opening = { channelId, threadId: question.threadId ?? question.id, clientId: `answer:${question.id}` };
    const inRun = { ...ctx, via: { kind: 'agent_run' as const, id: uuidv7() } };
    const answer = await unlessRefused(() => this.answers.openAnswer(inRun, opening));
    if (!answer) return;
    const reason = {
      kind: 'mention' as const,
      id: (answer.author.via ?? inRun.via).id,
      startKey: `mention:${question.id}:${agent.id}`,
      tainted: false,
      place: { channelId, questionId: question.id, answerId: answer.id },
    };
    try {
      const run = await this.db.inOrg(ctx, (tx) => this.starts.insert(tx, ctx, agent, { prompt: question.body }, reason));
      await this.starts.launch(run);
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'request.database_unavailable') throw error;
      await this.answers.fail(inRun, answer.id, { body: error.message, status: 'failed' });
    }
  }
}
