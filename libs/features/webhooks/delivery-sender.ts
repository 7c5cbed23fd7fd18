import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { LiveEvent, OrgId } from '@atrium/contracts';
import { Db, Prisma, type Tx } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { SafeFetch } from '@atrium/platform/http';
import { Log } from '@atrium/platform/observability';
import { RealtimeHub } from '@atrium/platform/realtime';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { failureOf, isHopeless, type Outcome, waitAfter } from './attempts.js';
import { DeliveryWriter } from './delivery-writer.js';
import { DeliveryRepository } from './delivery.repository.js';
import { Owners } from './owners.js';
import { signedHeaders } from './signature.js';
import type { DeliveryRow, WebhookRow } from './webhook.js';
import { WebhookRepository } from './webhook.repository.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhooksService } from './webhooks.service.js';

/** How often due deliveries are looked for. Milliseconds. */
const SWEEP_MS = 1_000;
const TIMEOUT_MS = 10_000;
/** What is read of an answer. Only its status counts. */
const MAX_ANSWER_BYTES = 64 * 1_024;
/** After so long an attempt that nobody ended is begun again. Longer than it can take. */
const LEASE_SECONDS = 15;
/** Requests of one webhook at once, and webhooks of one organization and of all that are served at once by a process. */
const MAX_REQUESTS = 4;
const MAX_OF_ORGANIZATION = 8;
const MAX_AT_ONCE = 32;

/**
 * Gives webhooks their turns. The row of a delivery is the truth: a claim moves its next attempt behind a lease, so that what a dead process had begun is due
 * again, with the same `webhook-id`. Each webhook has a turn of its own here, so a slow receiver holds up nobody else.
 */
@Injectable()
export class DeliverySender implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly turns = new Map<string, { orgId: OrgId; ended: Promise<void> }>();
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | null = null;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly webhooks: WebhookRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly service: WebhooksService,
    private readonly writer: DeliveryWriter,
    private readonly owners: Owners,
    private readonly secrets: WebhookSecrets,
    private readonly hub: RealtimeHub,
    private readonly outbound: SafeFetch,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = null;
      });
    }, SWEEP_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.timer);
    await this.sweeping;
    await Promise.all([...this.turns.values()].map(({ ended }) => ended));
  }

  /** Begins a turn of a webhook, unless it has one or others have to come first; then the next sweep will. */
  private start(orgId: OrgId, webhookId: string): void {
    const ofOrganization = [...this.turns.values()].filter((turn) => turn.orgId === orgId).length;
    if (this.stopping.signal.aborted || this.turns.has(webhookId)) return;
    if (this.turns.size >= MAX_AT_ONCE || ofOrganization >= MAX_OF_ORGANIZATION) return;
    const ended = this.turn(orgId, webhookId)
      .catch((error: unknown) => {
        this.tell(error, { orgId }, webhookId);
        return false;
      })
      .then((isMoreDue) => {
        this.turns.delete(webhookId);
        if (isMoreDue) this.start(orgId, webhookId);
      });
    this.turns.set(webhookId, { orgId, ended });
  }

  /** What was not sent is due again. A database that is away, and a webhook that was removed meanwhile, are no faults. */
  private tell(error: unknown, { orgId }: Pick<OrgContext, 'orgId'>, id: string): void {
    if (!(error instanceof DomainError)) this.log.fault('the deliveries of a webhook could not be sent', error, { id, orgId });
  }

  /** Whichever webhooks have something new or due, in any order: none is always last. */
  private async sweep(): Promise<void> {
    try {
      const due = await this.db.asSystem(
        'webhooks with something to send',
        (tx) =>
          tx.$queryRaw<{ org_id: OrgId; id: string }[]>`
          SELECT w.org_id, w.id FROM webhooks w
          WHERE w.enabled AND (${this.events.headOf(Prisma.sql`w.org_id`)} > w.seq OR EXISTS (
            SELECT 1 FROM webhook_deliveries d WHERE d.org_id = w.org_id AND d.webhook_id = w.id AND d.next_attempt_at <= clock_timestamp()))
          ORDER BY random() LIMIT 500`,
      );
      for (const { org_id, id } of due) this.start(org_id, id);
    } catch (error) {
      this.log.warn('the sweep of webhooks failed; it goes on', { reason: error instanceof Error ? error.message.slice(0, 200) : '' });
    }
  }

  /** Writes down what is new for the webhook, sends some of what is due, and says whether there may be more. */
  private async turn(orgId: OrgId, webhookId: string): Promise<boolean> {
    const system = systemContext(orgId, `webhook-${webhookId}`);
    const webhook = await this.db.readInOrg(system, (tx) => this.webhooks.find(tx, system, webhookId));
    if (!webhook?.enabled) return false;
    const ctx = await this.owners.contextOf(system, webhook);
    if (!ctx) {
      await this.db.inOrg(system, (tx) => this.service.disable(tx, system, webhookId, 'owner_gone'));
      return false;
    }
    const isMoreNew = await this.writer.step(ctx, webhook);
    const batch = await this.db.inOrg(system, (tx) => this.deliveries.claim(tx, system, webhookId, MAX_REQUESTS, LEASE_SECONDS));
    if (batch.length === 0) return isMoreNew;
    const events = await this.readable(ctx, batch);
    await Promise.all(
      batch.map((delivery) =>
        this.attempt(system, webhook, delivery, events.get(delivery.eventId)).catch((error: unknown) =>
          this.tell(error, system, webhookId),
        ),
      ),
    );
    return isMoreNew || batch.length === MAX_REQUESTS;
  }

  /** The events by id, as the owner may read them now: a text that was erased meanwhile is not sent. */
  private async readable(ctx: OrgContext, batch: readonly DeliveryRow[]): Promise<Map<string, LiveEvent>> {
    const view = await this.hub.view(ctx);
    const found = await this.db.readInOrg(ctx, (tx) =>
      Promise.all(batch.map(({ eventSeq, eventType }) => this.events.after(tx, ctx, Number(eventSeq) - 1, 1, [eventType]))),
    );
    const seen = found.flat().map(view);
    return new Map(seen.flatMap((event) => (event ? [[event.id, event]] : [])));
  }

  private async attempt(system: OrgContext, webhook: WebhookRow, delivery: DeliveryRow, event: LiveEvent | undefined): Promise<void> {
    const outcome = event ? await this.send(webhook, event) : NOT_READABLE;
    await this.db.inOrg(system, (tx) =>
      outcome ? this.settle(tx, system, webhook, delivery, outcome) : this.deliveries.giveBack(tx, system, delivery),
    );
  }

  /** Null when this process ends before the answer has come. */
  private async send(webhook: WebhookRow, event: LiveEvent): Promise<Outcome | null> {
    const startedAt = performance.now();
    const ended = (responseStatus: number | null, failure: string | null): Outcome => ({
      responseStatus,
      durationMs: Math.round(performance.now() - startedAt),
      failure,
    });
    const body = JSON.stringify(event);
    const at = new Date();
    try {
      const { status } = await this.outbound.fetch(webhook.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Atrium-Webhooks',
          ...signedHeaders(event.id, at, body, this.secrets.signing(webhook, at)),
        },
        body,
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_ANSWER_BYTES,
        beyond: 'cut',
        redirects: 'answer',
        signal: this.stopping.signal,
      });
      return ended(status, failureOf(status));
    } catch (error) {
      if (this.stopping.signal.aborted) return null;
      if (error instanceof DomainError) return ended(null, String(error.options.params?.['reason'] ?? error.code));
      throw error;
    }
  }

  private async settle(tx: Tx, system: OrgContext, webhook: WebhookRow, delivery: DeliveryRow, outcome: Outcome): Promise<void> {
    // The webhook before its deliveries: the order of every command.
    const row = outcome.failure === null && webhook.failingSince === null ? null : await this.webhooks.lock(tx, system, webhook.id);
    const isLast = outcome === NOT_READABLE || outcome.failure === null;
    const wait = isLast ? null : waitAfter(delivery.attempt, Math.random());
    if (!(await this.deliveries.settle(tx, system, delivery, outcome, wait)) || outcome === NOT_READABLE || !row) return;
    const now = new Date();
    if (outcome.failure === null) await this.webhooks.update(tx, system, row.id, { failingSince: null });
    else if (outcome.responseStatus === 410) await this.service.disable(tx, system, row.id, 'gone');
    else if (row.failingSince === null) await this.webhooks.update(tx, system, row.id, { failingSince: now });
    else if (isHopeless(row.failingSince, now)) await this.service.disable(tx, system, row.id, 'failing');
  }
}

/** Not for the owner of the webhook, or not any more. */
const NOT_READABLE: Outcome = { responseStatus: null, durationMs: 0, failure: 'not_readable' };
