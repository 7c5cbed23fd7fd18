import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { WebhookDeliveriesQuery } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { LoggedEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Outcome } from './attempts.js';
import type { DeliveryRow } from './webhook.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `webhook_deliveries`. */
@Injectable()
export class DeliveryRepository {
  /** Locked until the commit. @throws NotFound `webhooks.delivery_not_found` */
  async lock(tx: Tx, { orgId }: Org, webhookId: string, id: string): Promise<DeliveryRow> {
    await tx.$queryRaw`SELECT 1 FROM webhook_deliveries WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    const row = await tx.webhookDelivery.findFirst({ where: { orgId, webhookId, id } });
    if (!row) throw new NotFound('webhooks.delivery_not_found', 'There is no such delivery of this webhook.');
    return row;
  }

  /** Newest first; `before` is an id, exclusive. */
  list(
    tx: Tx,
    { orgId }: Org,
    webhookId: string,
    { status }: WebhookDeliveriesQuery,
    before: string | null,
    limit: number,
  ): Promise<DeliveryRow[]> {
    const where = { orgId, webhookId, ...(status ? { status } : {}), ...(before ? { id: { lt: before } } : {}) };
    return tx.webhookDelivery.findMany({ where, orderBy: { id: 'desc' }, take: limit });
  }

  /** How many wait for a webhook, counted up to `most`. */
  async countPending(tx: Tx, { orgId }: Org, webhookId: string, most: number): Promise<number> {
    const [row] = await tx.$queryRaw<[{ count: number }]>`
      SELECT count(*)::int AS count FROM (
        SELECT 1 FROM webhook_deliveries WHERE org_id = ${orgId}::uuid AND webhook_id = ${webhookId}::uuid AND next_attempt_at IS NOT NULL LIMIT ${most}) d`;
    return row.count;
  }

  /** Does nothing for events that the webhook has already. The first `room` are due at once, those beyond have failed as `backlog`. */
  async insert(tx: Tx, { orgId }: Org, webhookId: string, events: readonly LoggedEvent[], room: number): Promise<void> {
    if (events.length === 0) return;
    const ids = events.map(() => uuidv7());
    const eventIds = events.map(({ id }) => id);
    const seqs = events.map(({ seq }) => String(seq));
    const types = events.map(({ type }) => type);
    await tx.$executeRaw`
      INSERT INTO webhook_deliveries (org_id, id, webhook_id, event_id, event_seq, event_type, status, attempt, failure, next_attempt_at, created_at, updated_at)
      SELECT ${orgId}::uuid, e.id, ${webhookId}::uuid, e.event_id, e.seq, e.type, CASE WHEN e.n > ${room}::int THEN 'failed' ELSE 'pending' END, 0,
        CASE WHEN e.n > ${room}::int THEN 'backlog' END, CASE WHEN e.n <= ${room}::int THEN clock_timestamp() END, clock_timestamp(), clock_timestamp()
      FROM unnest(${ids}::uuid[], ${eventIds}::uuid[], ${seqs}::text[]::bigint[], ${types}::text[]) WITH ORDINALITY AS e(id, event_id, seq, type, n)
      ON CONFLICT (org_id, webhook_id, event_id) DO NOTHING`;
  }

  /** Takes up to `limit` due deliveries of a webhook for an attempt. Who takes them and dies leaves them due again after the lease. */
  claim(tx: Tx, { orgId }: Org, webhookId: string, limit: number, leaseSeconds: number): Promise<DeliveryRow[]> {
    return tx.$queryRaw<DeliveryRow[]>`
      UPDATE webhook_deliveries SET attempt = attempt + 1, next_attempt_at = clock_timestamp() + ${leaseSeconds} * interval '1 second', updated_at = clock_timestamp()
      WHERE org_id = ${orgId}::uuid AND id IN (
        SELECT id FROM webhook_deliveries
        WHERE org_id = ${orgId}::uuid AND webhook_id = ${webhookId}::uuid AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING org_id AS "orgId", id, webhook_id AS "webhookId", event_id AS "eventId", event_seq AS "eventSeq", event_type AS "eventType",
        status, attempt, response_status AS "responseStatus", duration_ms AS "durationMs", failure, next_attempt_at AS "nextAttemptAt",
        created_at AS "createdAt", updated_at AS "updatedAt"`;
  }

  /** Writes how a claimed attempt ended, unless a later one has begun. `waitSeconds` null: it was the last. Answers whether it was written. */
  async settle(tx: Tx, { orgId }: Org, { id, attempt }: DeliveryRow, outcome: Outcome, waitSeconds: number | null): Promise<boolean> {
    const status = outcome.failure === null ? 'succeeded' : waitSeconds === null ? 'failed' : 'pending';
    const settled = await tx.$executeRaw`
      UPDATE webhook_deliveries SET status = ${status}, response_status = ${outcome.responseStatus}, duration_ms = ${outcome.durationMs},
        failure = ${outcome.failure}, next_attempt_at = clock_timestamp() + ${waitSeconds}::float8 * interval '1 second', updated_at = clock_timestamp()
      WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid AND attempt = ${attempt} AND status = 'pending'`;
    return settled > 0;
  }

  /** Gives a claimed attempt back, as if it had not begun. */
  async giveBack(tx: Tx, { orgId }: Org, { id, attempt }: DeliveryRow): Promise<void> {
    await tx.$executeRaw`UPDATE webhook_deliveries SET attempt = attempt - 1, next_attempt_at = clock_timestamp()
      WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid AND attempt = ${attempt} AND status = 'pending'`;
  }

  /** Makes it due now. */
  async renew(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.$executeRaw`UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = clock_timestamp(), updated_at = clock_timestamp()
      WHERE org_id = ${orgId}::uuid AND id = ${id}::uuid`;
  }

  /** Ends everything that waits for a webhook. */
  async endPending(tx: Tx, { orgId }: Org, webhookId: string, failure: string): Promise<void> {
    await tx.$executeRaw`UPDATE webhook_deliveries SET status = 'failed', failure = ${failure}, next_attempt_at = NULL, updated_at = clock_timestamp()
      WHERE org_id = ${orgId}::uuid AND webhook_id = ${webhookId}::uuid AND next_attempt_at IS NOT NULL`;
  }

  async remove(tx: Tx, { orgId }: Org, ids: string[]): Promise<void> {
    await tx.webhookDelivery.deleteMany({ where: { orgId, id: { in: ids } } });
  }
}
