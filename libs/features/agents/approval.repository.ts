import { Injectable } from '@nestjs/common';
import type { ApprovalsQuery } from '@atrium/contracts';
import type { Prisma, Tx } from '@atrium/platform/db';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { approvalNotFound, type ApprovalRow, isAdmin, maySee } from './approval.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `approvals`. */
@Injectable()
export class ApprovalRepository {
  findByKey(tx: Tx, { orgId }: Org, requestKey: string): Promise<ApprovalRow | null> {
    return tx.approval.findFirst({ where: { orgId, requestKey } });
  }

  /** The same as `find`, locked until the commit. @throws NotFound `approvals.not_found` */
  async lock(tx: Tx, { orgId }: Org, id: string): Promise<ApprovalRow> {
    await tx.$queryRaw`SELECT 1 FROM approvals WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.find(tx, { orgId }, id);
  }

  /** Of these ids those that there are, locked until the commit. */
  async lockMany(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<ApprovalRow[]> {
    if (ids.length === 0) return [];
    await tx.$queryRaw`SELECT 1 FROM approvals WHERE org_id = ${orgId}::uuid AND id = ANY (${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
    return tx.approval.findMany({ where: { orgId, id: { in: [...ids] } }, orderBy: { id: 'asc' } });
  }

  /** Whatever the reader may see of it. @throws NotFound `approvals.not_found` */
  async find(tx: Tx, { orgId }: Org, id: string): Promise<ApprovalRow> {
    const row = await tx.approval.findFirst({ where: { orgId, id } });
    if (!row) throw approvalNotFound();
    return row;
  }

  /** @throws NotFound `approvals.not_found` also for one that the reader may not see. */
  async get(tx: Tx, ctx: OrgContext, id: string): Promise<ApprovalRow> {
    const row = await tx.approval.findFirst({ where: { orgId: ctx.orgId, id } });
    if (!row || !maySee(ctx, row)) throw approvalNotFound();
    return row;
  }

  /** Those that the reader may see, newest first; `before` is an id, exclusive. */
  list(
    tx: Tx,
    ctx: OrgContext,
    { status, subjectId, channelId, limit }: ApprovalsQuery,
    before: string | null,
    now: Date,
  ): Promise<ApprovalRow[]> {
    const person = personOf(ctx);
    const conditions: Prisma.ApprovalWhereInput[] = [];
    if (!isAdmin(ctx)) conditions.push({ OR: person === null ? [] : [{ assignees: { has: person } }, { requestedFor: person }] });
    if (status === 'expired') conditions.push({ OR: [{ status }, { status: 'pending', expiresAt: { lte: now } }] });
    else if (status === 'pending') conditions.push({ status, expiresAt: { gt: now } });
    else if (status) conditions.push({ status });
    if (subjectId) conditions.push({ subjectId });
    if (channelId) conditions.push({ channelId });
    if (before) conditions.push({ id: { lt: before } });
    return tx.approval.findMany({ where: { orgId: ctx.orgId, AND: conditions }, orderBy: { id: 'desc' }, take: limit + 1 });
  }

  async insert(tx: Tx, { orgId }: Org, row: ApprovalRow): Promise<void> {
    await tx.approval.createMany({ data: { ...row, orgId, arguments: row.arguments as Prisma.InputJsonValue } });
  }

  async update(
    tx: Tx,
    { orgId }: Org,
    id: string,
    changing: Partial<Pick<ApprovalRow, 'status' | 'decidedBy' | 'comment' | 'usedAt' | 'updatedAt'>>,
  ): Promise<void> {
    await tx.approval.updateMany({ where: { orgId, id }, data: changing });
  }
}
