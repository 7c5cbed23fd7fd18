import { z } from 'zod';
import { Actor, Moment, page, PageQuery, Time, Via } from './common.js';
import { EventId, OrgId } from './ids.js';

/** A record of the log as an auditor sees it. Text of persons is not in it: a changed text shows as `"[text]"`. */
export const AuditRow = z
  .strictObject({
    seq: z.int(),
    id: EventId,
    type: z.string(),
    version: z.int(),
    organizationId: OrgId,
    actor: Actor,
    onBehalfOf: z.uuid().nullable(),
    /** The run that did it; null for what was done by hand, and by Atrium itself. */
    via: Via.nullable(),
    subject: z.strictObject({ kind: z.string(), id: z.uuid() }),
    data: z.record(z.string(), z.json()),
    changes: z.record(z.string(), z.tuple([z.json(), z.json()])),
    requestId: z.string().nullable(),
    ip: z.string().nullable(),
    /** Null until the sealer has chained it, within about a second. */
    hash: z.string().nullable(),
    previousHash: z.string().nullable(),
    createdAt: Time,
  })
  .meta({ id: 'AuditRow' });
export type AuditRow = z.infer<typeof AuditRow>;
export const AuditPage = page(AuditRow).meta({ id: 'AuditPage' });

const filters = {
  type: z.string().max(100).optional(),
  actorId: z.uuid().optional(),
  subjectKind: z.string().max(40).optional(),
  subjectId: z.uuid().optional(),
  from: Moment.optional(),
  to: Moment.optional(),
};
/** Newest first. `type` may end in `.*`. */
export const AuditQuery = z.strictObject({ ...PageQuery.shape, ...filters });
export type AuditQuery = z.infer<typeof AuditQuery>;
export const AuditExportQuery = z.strictObject({ ...filters, format: z.enum(['ndjson', 'csv']).default('ndjson') });
export type AuditExportQuery = z.infer<typeof AuditExportQuery>;

export const AuditVerification = z
  .strictObject({
    /** Whether every sealed record and the signed head, in the database and outside it, hold. */
    valid: z.boolean(),
    count: z.int(),
    sealedCount: z.int(),
    /** The hash of the last sealed record. */
    head: z.string().nullable(),
    firstInvalidSeq: z.int().nullable(),
    /** What is wrong, in one sentence; null when valid. */
    reason: z.string().nullable(),
  })
  .meta({ id: 'AuditVerification' });
export type AuditVerification = z.infer<typeof AuditVerification>;
