import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { WebhookRow } from './webhook.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `webhooks`. */
@Injectable()
export class WebhookRepository {
  find(tx: Tx, { orgId }: Org, id: string): Promise<WebhookRow | null> {
    return tx.webhook.findFirst({ where: { orgId, id } });
  }

  /** @throws NotFound `webhooks.not_found` */
  async get(tx: Tx, ctx: Org, id: string): Promise<WebhookRow> {
    const row = await this.find(tx, ctx, id);
    if (!row) throw new NotFound('webhooks.not_found', 'There is no such webhook.');
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `webhooks.not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<WebhookRow> {
    await tx.$queryRaw`SELECT 1 FROM webhooks WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Newest first; `before` is an id, exclusive. */
  list(tx: Tx, { orgId }: Org, before: string | null, limit: number): Promise<WebhookRow[]> {
    return tx.webhook.findMany({ where: { orgId, ...(before ? { id: { lt: before } } : {}) }, orderBy: { id: 'desc' }, take: limit });
  }

  /** Locks the organization's webhooks as a whole, and counts them. */
  async lockedCount(tx: Tx, { orgId }: Org): Promise<number> {
    await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`${orgId}|webhooks`}, 2))`;
    return tx.webhook.count({ where: { orgId } });
  }

  async insert(tx: Tx, row: WebhookRow): Promise<void> {
    await tx.webhook.createMany({ data: row });
  }

  async update(tx: Tx, { orgId }: Org, id: string, columns: Partial<Omit<WebhookRow, 'orgId' | 'id'>>): Promise<void> {
    await tx.webhook.updateMany({ where: { orgId, id }, data: columns });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.webhook.deleteMany({ where: { orgId, id } });
  }
}
