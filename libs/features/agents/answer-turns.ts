import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Agent, ChannelId, Member, Message, MessageId, OrgId, UserId } from '@atrium/contracts';
import { AnswersService, MessagesQueries, MessagesService } from '@atrium/features/chat';
import { MembersQueries } from '@atrium/features/organizations';
import { Db } from '@atrium/platform/db';
import { Durable, type DurableRun, FairLimiter } from '@atrium/platform/durable';
import { Events, type JsonObject, type LoggedEvent, OnEvent } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import { asAgent, type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { TextGone } from './confirmed-text.js';
import { Answerer, type TurnContext } from './answerer.js';
import { AssistantService } from './assistant.service.js';
import { TURN_SECONDS } from './assistant.js';
import { asksAgent, ASKING, mentionedAgents } from './mentioned.js';
import { NO_FIGURES, TurnRepository } from './turn.repository.js';
import { unlessRefused } from './unless-refused.js';

const FUNCTION = 'agents.answer';
const RETRY = { attempts: 3, backoffSeconds: 1 };
/** Questions of one organization that wait in a process; who asks further ones is told to ask again. */
export const MAX_WAITING = 100;
const TOO_MANY = 'Too many questions are waiting for an answer. Please ask again in a few minutes.';

/** What starts a turn: the question. */
interface Asked {
  orgId: OrgId;
  channelId: ChannelId;
  messageId: MessageId;
}

/**
 * Turns of the assistant: open (a streaming message and a row) → answer (no transaction) → close. Run again after a crash, a turn goes on
 * with the message that it opened: `answer:<question's id>` is its clientId, and the question's id is the turn's own.
 */
@Injectable()
export class AnswerTurns implements OnModuleInit {
  private readonly queue = new FairLimiter(16, 2);

  constructor(
    private readonly durable: Durable,
    private readonly db: Db,
    private readonly events: Events,
    private readonly turns: TurnRepository,
    private readonly assistant: AssistantService,
    private readonly members: MembersQueries,
    private readonly messages: MessagesQueries,
    private readonly posts: MessagesService,
    private readonly answers: AnswersService,
    private readonly answerer: Answerer,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.durable.register(FUNCTION, (args, run) => this.queue.run(args.orgId, () => this.run(args as unknown as Asked, run)));
  }

  @OnEvent('agents.answer', ASKING, asksAgent('search:read'))
  async hear(ctx: OrgContext, event: LoggedEvent): Promise<void> {
    const { id } = await this.assistant.ensure(ctx);
    if (!mentionedAgents(event).includes(id)) return;
    const message = event.data['message'] as Pick<Message, 'id' | 'channelId'>;
    const asked = { orgId: ctx.orgId, channelId: message.channelId, messageId: message.id };
    if (this.queue.waitingOf(ctx.orgId) >= MAX_WAITING) return this.turnAway(ctx, asked);
    await this.durable.start(FUNCTION, `${message.id}:${FUNCTION}`, asked);
  }

  private async turnAway(system: OrgContext, asked: Asked): Promise<void> {
    const known = await this.db.readInOrg(system, (tx) => this.turns.messagesAmong(tx, system, [asked.messageId]));
    if (known.size > 0) return;
    const turn = await this.contextOf(system, asked);
    const answer = turn && (await unlessRefused(() => this.answers.openAnswer(turn.ctx, openingOf(asked, turn.question))));
    if (answer) await unlessRefused(() => this.answers.fail(turn.ctx, answer.id, { body: TOO_MANY, status: 'failed' }));
  }

  private async run(asked: Asked, run: DurableRun): Promise<void> {
    const system = systemContext(asked.orgId, `turn-${asked.messageId}`);
    const opened = await run.step('open', () => this.open(system, asked), { attempts: 8, backoffSeconds: 1 });
    if (opened === null) return;
    const answerId = opened.answerId as MessageId;
    try {
      await run.step('answer', () => this.answer(system, asked, answerId, run.signal), RETRY);
    } catch (error) {
      this.log.fault('a turn was given up', error, { id: asked.messageId, orgId: asked.orgId });
      await run.step('give up', () => this.giveUp(system, asked, answerId), { attempts: 8, backoffSeconds: 1 });
    }
    await run.step('close', () => this.close(system, asked, answerId), { attempts: 8, backoffSeconds: 1 });
  }

  /** Null when there is nobody to answer, nothing to answer to, or no right to answer there. */
  private async open(system: OrgContext, asked: Asked): Promise<{ answerId: string } | null> {
    const turn = await this.contextOf(system, asked);
    if (!turn) return null;
    const { ctx, question, agent } = turn;
    const answer = await unlessRefused(() => this.answers.openAnswer(ctx, openingOf(asked, question)));
    if (!answer) return null;
    await this.db.inOrg(ctx, async (tx) => {
      const row = {
        orgId: asked.orgId,
        id: asked.messageId,
        agentId: agent.id,
        channelId: asked.channelId,
        questionId: question.id,
        answerId: answer.id,
        status: 'running',
      };
      if (await this.turns.insert(tx, row)) await this.events.append(tx, ctx, turnEvent('agents.turn_started', agent.id, row));
    });
    return { answerId: answer.id };
  }

  private async answer(system: OrgContext, asked: Asked, answerId: MessageId, stopping: AbortSignal): Promise<void> {
    const running = await unlessRefused(() => this.messages.get(system, answerId));
    if (running?.status !== 'streaming') return;
    const turn = await this.contextOf(system, asked);
    if (!turn) return this.giveUp(system, asked, answerId);
    const late = AbortSignal.timeout(TURN_SECONDS * 1_000);
    try {
      await this.write(asked, { ...turn, system, answerId, agent: turn.agent }, AbortSignal.any([stopping, late]));
    } catch (error) {
      // The process ends: nothing is recorded, so that the step runs again elsewhere.
      if (stopping.aborted) await new Promise(() => undefined);
      if (error instanceof TextGone) return;
      if (!late.aborted) throw error;
      await this.giveUp(system, asked, answerId, 'ai.timed_out');
    }
  }

  private async write(asked: Asked, turn: TurnContext, signal: AbortSignal): Promise<void> {
    const { ctx, answerId } = turn;
    const { status, figures, ...answer } = await this.answerer.answer(turn, signal);
    await this.db.inOrg(ctx, (tx) => this.turns.record(tx, ctx, asked.messageId, figures));
    await unlessRefused(() =>
      status === 'complete'
        ? this.answers.complete(ctx, answerId, answer)
        : this.answers.fail(ctx, answerId, { ...answer, status: 'failed' }),
    );
  }

  /** Ends an answer that cannot be finished, with the text that was saved of it; takes it away when its asker may not read there any more. */
  private async giveUp(system: OrgContext, asked: Asked, answerId: MessageId, failureCode: string | null = null): Promise<void> {
    const saved = await unlessRefused(() => this.messages.get(system, answerId));
    if (saved?.status !== 'streaming') return;
    await this.db.inOrg(system, (tx) => this.turns.record(tx, system, asked.messageId, { ...NO_FIGURES, failureCode }));
    const turn = await this.contextOf(system, asked);
    const reason =
      failureCode === 'ai.timed_out'
        ? `The answer took longer than ${TURN_SECONDS} seconds.`
        : 'Something failed on our side; please ask again.';
    const kept = saved.body.replace(/[ \t]*\[\d+\]/g, '').trim();
    const body = kept === '' ? reason : `${kept}\n\n*The answer ends here. ${reason}*`;
    const ended = turn && (await unlessRefused(() => this.answers.fail(turn.ctx, answerId, { body, status: 'failed' })));
    if (!ended) await unlessRefused(() => this.posts.remove(system, answerId));
  }

  private async close(system: OrgContext, asked: Asked, answerId: MessageId): Promise<void> {
    const answer = await unlessRefused(() => this.messages.get(system, answerId));
    const status = answer?.deletedAt
      ? 'cancelled'
      : answer?.status === 'complete' || answer?.status === 'withheld'
        ? 'completed'
        : answer?.status === 'failed'
          ? 'failed'
          : 'cancelled';
    const agent = await this.assistant.ensure(system);
    const turn = await this.contextOf(system, asked);
    const ctx = turn?.ctx ?? system;
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.turns.close(tx, ctx, asked.messageId, status);
      if (!row) return;
      const { failureCode, provider, model, inputTokens, outputTokens } = row;
      const figures = { failureCode, provider, model, inputTokens, outputTokens, costMicros: Number(row.costMicros) };
      const draft = turnEvent('agents.turn_ended', agent.id, row);
      await this.events.append(tx, ctx, { ...draft, data: { ...draft.data, status, ...figures } });
    });
  }

  /** The agent on behalf of who asked, with the role that they have now. Null when the question, the asker or the agent is gone. */
  private async contextOf(
    system: OrgContext,
    asked: Asked,
  ): Promise<{ ctx: OrgContext; system: OrgContext; question: Message; agent: Agent } | null> {
    const question = await unlessRefused(() => this.messages.get(system, asked.messageId));
    const agent = await this.assistant.ensure(system);
    if (!question || question.deletedAt || agent.status !== 'active') return null;
    const askerId = question.author.id as UserId;
    const member: Member | null = await unlessRefused(() => this.members.get(system, askerId));
    if (!member || member.suspendedAt) return null;
    return { ctx: asAgent(system, agent.id, askerId, member.role), system, question, agent };
  }
}

const openingOf = ({ channelId }: Asked, { id, threadId }: Message) => ({
  channelId,
  threadId: threadId ?? id,
  clientId: `answer:${id}`,
});

function turnEvent(
  type: 'agents.turn_started' | 'agents.turn_ended',
  agentId: string,
  turn: { id: string; channelId: string; questionId: string; answerId: string | null },
) {
  const { id, channelId, questionId, answerId } = turn;
  const data: JsonObject = { turnId: id, channelId, questionId, answerId };
  return { type, subject: { kind: 'agent', id: agentId }, audience: 'nobody' as const, data };
}
