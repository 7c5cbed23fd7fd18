import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Approval, ApprovalId, ApprovalStatus, ChannelId, DecideApproval, UserId } from '@atrium/contracts';
import { Db, type Prisma, type Tx } from '@atrium/platform/db';
import { type EventDraft, Events } from '@atrium/platform/events';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { type ApprovalRow, assertMayDecide, assertUsable, approvalNotFound, hashOf, maySee, statusOf, toApproval } from './approval.js';
import { ApprovalRepository } from './approval.repository.js';

export interface ApprovalRequest {
  /** Names the question for ever: asked again with it, the first approval is answered. */
  requestKey: string;
  kind: Approval['kind'];
  /** What waits for the decision. */
  subject: { kind: string; id: string };
  message: string;
  /** Exactly what is to be done; the approval holds for nothing else. */
  arguments: Prisma.JsonValue;
  assignees: UserId[];
  /** Where it is asked. */
  channelId?: ChannelId | null;
  expiresAt: Date;
}

/** Events of one append. */
const MAX_EVENTS = 400;

/** The commands on approvals: asked for by whoever wants to act, decided by persons, used once. */
@Injectable()
export class ApprovalsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly approvals: ApprovalRepository,
  ) {}

  /** Asks, in the transaction of who asks. The requester is the principal of `ctx`. */
  async request(tx: Tx, ctx: OrgContext, asked: ApprovalRequest): Promise<Approval> {
    const first = await this.approvals.findByKey(tx, ctx, asked.requestKey);
    if (first) return toApproval(first);
    const row = newApproval(ctx, asked);
    await this.approvals.insert(tx, ctx, row);
    await this.events.append(tx, ctx, told('approvals.requested', row));
    return toApproval(row);
  }

  /**
   * @throws NotFound `approvals.not_found`, Forbidden `approvals.people_only`, `approvals.not_an_assignee`, Conflict
   * `approvals.already_decided`, `approvals.expired`
   */
  decide(ctx: OrgContext, id: ApprovalId, status: 'approved' | 'rejected', { comment }: DecideApproval): Promise<Approval> {
    return this.db.inOrg(ctx, async (tx) => {
      const row = await this.approvals.lock(tx, ctx, id);
      if (!maySee(ctx, row)) throw approvalNotFound();
      const now = new Date();
      assertMayDecide(ctx, row, now);
      const decided = { ...row, status, decidedBy: personOf(ctx), comment: comment ?? null, updatedAt: now };
      await this.approvals.update(tx, ctx, id, { status, decidedBy: decided.decidedBy, comment: decided.comment, updatedAt: now });
      await this.events.append(tx, ctx, told('approvals.decided', decided, { status: ['pending', status] }));
      return toApproval(decided);
    });
  }

  /** How it stands. @throws NotFound `approvals.not_found` */
  async stateOf(tx: Tx, ctx: OrgContext, id: string): Promise<ApprovalStatus> {
    return statusOf(await this.approvals.find(tx, ctx, id), new Date());
  }

  /** Whether it was asked for exactly this. @throws NotFound `approvals.not_found` */
  async isAbout(tx: Tx, ctx: OrgContext, id: string, args: Prisma.JsonValue): Promise<boolean> {
    return (await this.approvals.find(tx, ctx, id)).argumentsHash === hashOf(args);
  }

  /**
   * What came of it, in the transaction of who acts on it; while it is pending nothing happens. An approval is used by this, once; one
   * that nobody decided in time is over from now on.
   * @throws NotFound `approvals.not_found`, Conflict `approvals.arguments_changed`, `approvals.used`
   */
  async take(tx: Tx, ctx: OrgContext, id: string, args: Prisma.JsonValue): Promise<Approval> {
    const row = await this.approvals.lock(tx, ctx, id);
    const now = new Date();
    const status = statusOf(row, now);
    assertUsable(row, args);
    if (status === 'pending') return toApproval(row, now);
    await this.approvals.update(tx, ctx, id, { status, usedAt: now, updatedAt: now });
    if (status === 'expired' && row.status === 'pending')
      await this.events.append(tx, ctx, told('approvals.expired', row, { status: ['pending', 'expired'] }));
    return toApproval({ ...row, status, updatedAt: now }, now);
  }

  /** Takes questions back: nobody can decide them any more. */
  async withdraw(tx: Tx, ctx: OrgContext, ids: readonly string[]): Promise<void> {
    const rows = (await this.approvals.lockMany(tx, ctx, ids)).filter(({ status }) => status === 'pending');
    const now = new Date();
    for (const { id } of rows) await this.approvals.update(tx, ctx, id, { status: 'expired', updatedAt: now });
    const events = rows.map((row) => told('approvals.expired', row, { status: ['pending', 'expired'] }));
    for (let at = 0; at < events.length; at += MAX_EVENTS) await this.events.appendMany(tx, ctx, events.slice(at, at + MAX_EVENTS));
  }
}

function newApproval(ctx: OrgContext, asked: ApprovalRequest): ApprovalRow {
  const at = new Date();
  return {
    id: uuidv7(),
    requestKey: asked.requestKey,
    kind: asked.kind,
    subjectKind: asked.subject.kind,
    subjectId: asked.subject.id,
    message: asked.message,
    arguments: asked.arguments,
    argumentsHash: hashOf(asked.arguments),
    status: 'pending',
    requestedByKind: ctx.principal.kind,
    requestedById: ctx.principal.id,
    requestedFor: personOf(ctx),
    assignees: [...new Set(asked.assignees)],
    channelId: asked.channelId ?? null,
    decidedBy: null,
    comment: null,
    usedAt: null,
    expiresAt: asked.expiresAt,
    createdAt: at,
    updatedAt: at,
  };
}

/** Members hear that there is one; what it is about only those who may see it. */
function told(
  type: 'approvals.requested' | 'approvals.decided' | 'approvals.expired',
  row: ApprovalRow,
  changes?: EventDraft['changes'],
): EventDraft {
  const { message, arguments: args, comment, ...facts } = toApproval(row);
  const seers = [...row.assignees, ...(row.requestedFor ? [row.requestedFor] : [])];
  return {
    type,
    subject: { kind: 'approval', id: row.id },
    audience: 'organization',
    data: { approvalId: row.id, approval: { ...facts, message: '', arguments: null, comment: null } },
    text: { approval: { message, arguments: args, comment } },
    requires: [seers.map((id) => `user:${id}`)],
    ...(changes ? { changes } : {}),
  };
}
