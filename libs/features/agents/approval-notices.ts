import { Injectable } from '@nestjs/common';
import type { Approval, ApprovalId, ChannelId, MessageId, PrincipalRef } from '@atrium/contracts';
import { MessagesService } from '@atrium/features/chat';
import { Db } from '@atrium/platform/db';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { toApproval } from './approval.js';
import { ApprovalRepository } from './approval.repository.js';
import { decidedNotice, waitingNotice } from './approval-notice.js';
import { unlessRefused } from './unless-refused.js';

/** The message in a channel that tells of an approval: one each, which says at last what was decided. */
@Injectable()
export class ApprovalNotices {
  constructor(
    private readonly db: Db,
    private readonly approvals: ApprovalRepository,
    private readonly messages: MessagesService,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * Asks in the channel, in the name of `ctx`, and mentions those who may decide; once, whatever is repeated. Of an approval that was decided
   * meanwhile it says so. @throws as MessagesService.post
   */
  async post(ctx: OrgContext, system: OrgContext, id: ApprovalId, channelId: ChannelId, text: string, threadId?: MessageId): Promise<void> {
    const { assignees } = await this.approvalOf(system, id);
    const refs = assignees.map((assignee): PrincipalRef => ({ kind: 'user', id: assignee }));
    const body = waitingNotice(text, id, await this.names(system, refs));
    await this.messages.postOnce(ctx, channelId, { body, clientId: clientIdOf(id), ...(threadId === undefined ? {} : { threadId }) }, refs);
    await this.settle(system, id);
  }

  /** Lets the message say what became of the approval, once; nothing while it waits. Not inside a transaction. */
  async settle(system: OrgContext, id: ApprovalId, at?: Date): Promise<void> {
    const approval = await this.approvalOf(system, id);
    const { channelId, status, requestedBy, decidedBy, updatedAt, expiresAt } = approval;
    if (channelId === null || status === 'pending' || requestedBy.kind === 'system' || requestedBy.id === null) return;
    const [decider = null] = decidedBy === null ? [] : await this.names(system, [{ kind: 'user', id: decidedBy }]);
    const when = at ?? new Date(status === 'expired' ? expiresAt : updatedAt);
    const place = { channelId, author: { kind: requestedBy.kind, id: requestedBy.id }, clientId: clientIdOf(id) };
    await unlessRefused(() => this.messages.amend(system, place, (body) => decidedNotice(body, approval, decider, when)));
  }

  @OnEvent('agents.approval_notices', ['approvals.decided', 'approvals.expired'])
  async hear(system: OrgContext, { subject, createdAt }: LoggedEvent): Promise<void> {
    await unlessRefused(() => this.settle(system, subject.id as ApprovalId, new Date(createdAt)));
  }

  private async approvalOf(system: OrgContext, id: ApprovalId): Promise<Approval> {
    return toApproval(await this.db.readInOrg(system, (tx) => this.approvals.find(tx, system, id)));
  }

  private async names(system: OrgContext, refs: readonly PrincipalRef[]): Promise<string[]> {
    const names = await this.directory.displayNames(system.orgId, refs);
    return refs.map(({ kind, id }) => names.get(`${kind}:${id}`) ?? 'somebody who has left');
  }
}

const clientIdOf = (id: ApprovalId) => `approval:${id}`;
