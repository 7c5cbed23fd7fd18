import { z } from 'zod';
import { Actor, page, PageQuery, text, Time } from './common.js';
import { ApprovalId, ChannelId, UserId } from './ids.js';

export const ApprovalStatus = z.enum(['pending', 'approved', 'rejected', 'expired']);
export type ApprovalStatus = z.infer<typeof ApprovalStatus>;

/** A question whether something may be done, bound to exactly what is to be done. */
export const Approval = z
  .strictObject({
    id: ApprovalId,
    kind: z.enum(['workflow_step', 'tool_call']),
    /** What waits: a run. */
    subject: z.strictObject({ kind: z.string(), id: z.uuid() }),
    message: z.string(),
    arguments: z.json(),
    /** SHA-256 over the canonical JSON of `arguments`, in hex. Other arguments need another approval. */
    argumentsHash: z.string(),
    status: ApprovalStatus,
    requestedBy: Actor,
    /** Who may decide. */
    assignees: z.array(UserId),
    /** Where it was asked, when it was asked in a channel. */
    channelId: ChannelId.nullable(),
    decidedBy: UserId.nullable(),
    comment: z.string().nullable(),
    expiresAt: Time,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Approval' });
export type Approval = z.infer<typeof Approval>;
export const ApprovalPage = page(Approval).meta({ id: 'ApprovalPage' });

/** Newest first: those that I may decide or that I asked for; administrators see all. */
export const ApprovalsQuery = z.strictObject({
  ...PageQuery.shape,
  status: ApprovalStatus.optional(),
  subjectId: z.uuid().optional(),
  channelId: ChannelId.optional(),
});
export type ApprovalsQuery = z.infer<typeof ApprovalsQuery>;
export const Decision = z.strictObject({ comment: text(2_000).nullish() });
/** The body may be left out. */
export const DecideApproval = Decision.prefault({}).meta({ id: 'DecideApproval' });
export type DecideApproval = z.infer<typeof DecideApproval>;
