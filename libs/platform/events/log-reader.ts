import { Injectable } from '@nestjs/common';
import { type AuditRow, EVENTS } from '@atrium/contracts';
import { Prisma, type Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { GENESIS } from './chain.js';
import { type EventRow, factsOf, fromRow } from './event.js';

/** Which records of the log. `type` may end in `.*`; `to` is exclusive; `before` is a seq, exclusive. */
interface LogFilter {
  type?: string | undefined;
  actorId?: string | undefined;
  subjectKind?: string | undefined;
  subjectId?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  before?: number | undefined;
}

interface SealedRow extends EventRow {
  hash: string | null;
  previous_hash: string | null;
}

/** Reads the log as auditors see it: only audited types, each record with its seal, never the text of persons. */
@Injectable()
export class LogReader {
  /** Newest first. */
  async list(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, filter: LogFilter, limit: number): Promise<AuditRow[]> {
    const rows = await tx.$queryRaw<SealedRow[]>`
      SELECT e.*, s.hash, p.hash AS previous_hash FROM events e
      LEFT JOIN event_seals s ON s.org_id = e.org_id AND s.seq = e.seq
      LEFT JOIN event_seals p ON p.org_id = e.org_id AND p.seq = e.seq - 1
      WHERE e.org_id = ${ctx.orgId}::uuid AND ${conditions(filter)}
      ORDER BY e.seq DESC LIMIT ${limit}`;
    return rows.map(toAuditRow);
  }
}

function conditions({ type, actorId, subjectKind, subjectId, from, to, before }: LogFilter): Prisma.Sql {
  const all = [Prisma.sql`e.type = ANY (${auditedTypes(type)}::text[])`];
  if (actorId !== undefined) all.push(Prisma.sql`e.actor_id = ${actorId}::uuid`);
  if (subjectKind !== undefined) all.push(Prisma.sql`e.subject_kind = ${subjectKind}`);
  if (subjectId !== undefined) all.push(Prisma.sql`e.subject_id = ${subjectId}::uuid`);
  if (from !== undefined) all.push(Prisma.sql`e.at >= ${new Date(from)}`);
  if (to !== undefined) all.push(Prisma.sql`e.at < ${new Date(to)}`);
  if (before !== undefined) all.push(Prisma.sql`e.seq < ${before}`);
  return Prisma.join(all, ' AND ');
}

/** The audited types that a pattern names; all without one. */
function auditedTypes(pattern: string | undefined): string[] {
  const audited = Object.entries(EVENTS)
    .filter(([, { audited: shown }]) => shown)
    .map(([type]) => type);
  if (pattern === undefined) return audited;
  return audited.filter((type) => (pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern));
}

function toAuditRow(row: SealedRow): AuditRow {
  const { audience: _audience, text: _text, data, ...event } = fromRow(row);
  return {
    ...event,
    data: factsOf(data) as AuditRow['data'],
    changes: row.changes as AuditRow['changes'],
    requestId: row.request_id,
    ip: row.ip,
    hash: row.hash,
    previousHash: row.hash === null ? null : (row.previous_hash ?? (Number(row.seq) === 1 ? GENESIS : null)),
  };
}
