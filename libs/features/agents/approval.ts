import { createHash } from 'node:crypto';
import type { Approval, ApprovalId, ApprovalStatus, ChannelId, UserId } from '@atrium/contracts';
import type { Prisma } from '@atrium/platform/db';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import { canonicalJson } from '@atrium/platform/events';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';

/** A row of `approvals`. */
export interface ApprovalRow {
  id: string;
  requestKey: string;
  kind: string;
  subjectKind: string;
  subjectId: string;
  message: string;
  arguments: Prisma.JsonValue;
  argumentsHash: string;
  status: string;
  requestedByKind: string;
  requestedById: string | null;
  /** The person for whom it was asked: the requester, or whom an agent acts for. */
  requestedFor: string | null;
  assignees: string[];
  channelId: string | null;
  decidedBy: string | null;
  comment: string | null;
  usedAt: Date | null;
  expiresAt: Date;
  createdAt: Date;
  updatedAt: Date;
}

/** What an approval is bound to: SHA-256 over the canonical JSON, in hex. */
export const hashOf = (args: unknown): string => createHash('sha256').update(canonicalJson(args)).digest('hex');

/** One that nobody decided in time counts as expired, also before its row says so. */
export function statusOf(row: Pick<ApprovalRow, 'status' | 'expiresAt'>, now: Date): ApprovalStatus {
  return row.status === 'pending' && row.expiresAt <= now ? 'expired' : (row.status as ApprovalStatus);
}

export function toApproval(row: ApprovalRow, now = new Date()): Approval {
  return {
    id: row.id as ApprovalId,
    kind: row.kind as Approval['kind'],
    subject: { kind: row.subjectKind, id: row.subjectId },
    message: row.message,
    arguments: row.arguments as Approval['arguments'],
    argumentsHash: row.argumentsHash,
    status: statusOf(row, now),
    requestedBy: { kind: row.requestedByKind as Approval['requestedBy']['kind'], id: row.requestedById },
    assignees: row.assignees as UserId[],
    channelId: row.channelId as ChannelId | null,
    decidedBy: row.decidedBy as UserId | null,
    comment: row.comment,
    expiresAt: row.expiresAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export const isAdmin = ({ principal }: OrgContext): boolean =>
  principal.kind === 'system' || principal.role === 'owner' || principal.role === 'admin';

/** Those who decide it, those for whom it was asked, and administrators. */
export function maySee(ctx: OrgContext, row: Pick<ApprovalRow, 'assignees' | 'requestedFor'>): boolean {
  const person = personOf(ctx);
  return isAdmin(ctx) || (person !== null && (row.assignees.includes(person) || row.requestedFor === person));
}

export const approvalNotFound = () => new NotFound('approvals.not_found', 'There is no such approval, or you may not see it.');

/**
 * A person of flesh and blood decides, once, in time: not an agent, and not a workflow that runs with the person's rights.
 * @throws Forbidden `approvals.people_only`, `approvals.not_an_assignee`, Conflict `approvals.already_decided`, `approvals.expired`
 */
export function assertMayDecide(ctx: OrgContext, row: ApprovalRow, now: Date): void {
  if (ctx.principal.kind !== 'user' || ctx.credential === null)
    throw new Forbidden('approvals.people_only', 'Only persons decide about approvals, not agents or workflows.');
  if (!row.assignees.includes(ctx.principal.id))
    throw new Forbidden('approvals.not_an_assignee', 'Only those whom the approval names may decide it.');
  const status = statusOf(row, now);
  if (status === 'expired') throw new Conflict('approvals.expired', 'The time to decide is over.');
  if (status !== 'pending') throw new Conflict('approvals.already_decided', 'The approval was decided already.');
}

/**
 * What is about to be done is what was asked about, and was not done before.
 * @throws Conflict `approvals.arguments_changed`, `approvals.used`
 */
export function assertUsable(row: ApprovalRow, args: unknown): void {
  if (row.argumentsHash !== hashOf(args))
    throw new Conflict('approvals.arguments_changed', 'The arguments are not those that were asked about. Ask for another approval.');
  if (row.usedAt !== null) throw new Conflict('approvals.used', 'The approval was used already. Ask for another one.');
}
