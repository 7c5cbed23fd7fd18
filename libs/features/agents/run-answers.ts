import { Injectable } from '@nestjs/common';
import type { ApprovalId, ChannelId, MessageId } from '@atrium/contracts';
import { AnswersService, MessagesQueries } from '@atrium/features/chat';
import { Db } from '@atrium/platform/db';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { shownCall } from './approval-notice.js';
import { ApprovalNotices } from './approval-notices.js';
import { MAX_ANSWER_CHARS } from './assistant.js';
import { inertText } from './inert-text.js';
import { AgentRunActor, contextOf, inNameOf } from './run-actor.js';
import { sourcesRead } from './run-text.js';
import { AgentRunRepository, type RunRow } from './run.repository.js';
import { unlessRefused } from './unless-refused.js';

/** What a run that was mentioned says in its channel: its answer when it ends, and that it waits for an approval. */
@Injectable()
export class AgentRunAnswers {
  constructor(
    private readonly db: Db,
    private readonly runs: AgentRunRepository,
    private readonly answers: AnswersService,
    private readonly messages: MessagesQueries,
    private readonly notices: ApprovalNotices,
    private readonly actor: AgentRunActor,
  ) {}

  @OnEvent('agents.run_answers', ['agents.run_succeeded', 'agents.run_failed', 'agents.run_cancelled'])
  async tell(system: OrgContext, { subject, data }: LoggedEvent): Promise<void> {
    if (data['channelId'] === null) return;
    const { run, steps } = await this.db.readInOrg(system, async (tx) => ({
      run: await this.runs.get(tx, system, subject.id),
      steps: await this.runs.steps(tx, system, subject.id),
    }));
    if (run.answerId === null) return;
    const ctx = inNameOf(contextOf(system.orgId, run.id), run);
    const id = run.answerId as MessageId;
    const sources = sourcesRead(steps);
    const body = inertText(endingOf(run)).slice(0, MAX_ANSWER_CHARS);
    await unlessRefused(() =>
      run.status === 'succeeded'
        ? this.answers.complete(ctx, id, { body, citations: [], sources })
        : this.answers.fail(ctx, id, { body, status: run.status === 'cancelled' ? 'cancelled' : 'failed', sources }),
    );
  }

  /**
   * One message per approval, whatever is told twice. It shows tool and arguments as long as the run has read nothing that not every future
   * reader may read; after that, and whatever is too long, those see who may see the approval.
   */
  @OnEvent('agents.run_questions', 'approvals.requested')
  async ask(system: OrgContext, { subject, data }: LoggedEvent): Promise<void> {
    const waiting = (data['approval'] as { subject?: { kind: string; id: string } } | undefined)?.subject;
    if (waiting?.kind !== 'agent_run') return;
    const { run, steps } = await this.db.readInOrg(system, async (tx) => ({
      run: await this.runs.get(tx, system, waiting.id),
      steps: await this.runs.steps(tx, system, waiting.id),
    }));
    const step = steps.find(({ approvalId }) => approvalId === (subject.id as ApprovalId));
    if (run.channelId === null || run.questionId === null || !step || run.endedAt !== null) return;
    const { channelId, questionId } = run;
    const question = await unlessRefused(() => this.messages.get(system, questionId as MessageId));
    const ctx = await unlessRefused(() => this.actor.of(contextOf(system.orgId, run.id), run));
    if (!question || !ctx) return;
    const isOpen = sourcesRead(steps).length === 0;
    const text = isOpen
      ? shownCall(step.tool ?? '', step.arguments)
      : `I ask for leave to use ${step.tool}. Its arguments stand in the approval.`;
    const threadId = question.threadId ?? question.id;
    await unlessRefused(() => this.notices.post(ctx, system, subject.id as ApprovalId, channelId as ChannelId, text, threadId));
  }
}

function endingOf({ status, output, failureMessage }: RunRow): string {
  if (status === 'succeeded') return output ?? '';
  return status === 'cancelled' ? 'The run was cancelled.' : `I could not finish this. ${failureMessage ?? ''}`.trim();
}
