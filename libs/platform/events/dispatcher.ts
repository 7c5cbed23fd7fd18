import { AsyncResource } from 'node:async_hooks';
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import { INSTANCE_ORG, type OrgContext, systemContext } from '@atrium/platform/tenancy';
import type { LoggedEvent } from './event.js';
import { Events } from './events.js';
import { ON_EVENT, type Subscription } from './subscribers.js';

interface Subscriber extends Subscription {
  hear(ctx: OrgContext, event: LoggedEvent): Promise<void>;
}

/** How often the log is swept for what nobody announced. Milliseconds. */
const SWEEP_MS = 1_000;
const BATCH = 100;
/** After so many tries an event is set aside in event_failures, and the subscriber goes on. */
const MAX_ATTEMPTS = 8;

/**
 * Brings events to their subscribers. A cursor per organization and subscriber says how far it has come; whoever holds the advisory lock
 * of that pair works on it. Announced events are handled at once, forgotten ones (a killed process) by the sweep.
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly subscribers: Subscriber[] = [];
  private readonly running = new Map<string, Promise<void>>();
  private readonly again = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private sweeping: Promise<void> = Promise.resolve();
  private unlisten: () => void = () => undefined;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly log: Log,
    private readonly discovery: DiscoveryService,
  ) {}

  onApplicationBootstrap(): void {
    this.discover();
    // Not within whatever appended the event: what a durable step starts is the step's, and subscribers' work is their own.
    this.unlisten = this.events.listen(AsyncResource.bind((event: LoggedEvent) => this.nudge(event)));
    this.timer = setInterval(() => {
      this.sweeping = this.sweeping.then(() => this.sweep());
    }, SWEEP_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.unlisten();
    clearInterval(this.timer);
    await this.sweeping;
    await Promise.allSettled(this.running.values());
  }

  /** Serves those who hear such events, soon. The cursors of the others are moved by the sweep, not by every event. */
  private nudge({ type, organizationId }: LoggedEvent): void {
    for (const subscriber of this.subscribers) if (subscriber.types.includes(type)) this.start(organizationId, subscriber);
  }

  private discover(): void {
    const scanner = new MetadataScanner();
    for (const { instance } of this.discovery.getProviders()) {
      if (!instance || typeof instance !== 'object') continue;
      const methods = instance as Record<string, (ctx: OrgContext, event: LoggedEvent) => Promise<void>>;
      for (const name of scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
        const method = methods[name];
        const subscription = typeof method === 'function' ? (Reflect.getMetadata(ON_EVENT, method) as Subscription | undefined) : undefined;
        if (!method || !subscription) continue;
        this.subscribers.push({ ...subscription, hear: method.bind(instance) });
      }
    }
  }

  /** One run at a time per organization and subscriber in this process; a nudge during a run causes one more. */
  private start(orgId: OrgId, subscriber: Subscriber): void {
    const key = `${orgId}|${subscriber.name}`;
    if (this.stopped) return;
    if (this.running.has(key)) {
      this.again.add(key);
      return;
    }
    const run = this.work(orgId, subscriber)
      .catch((error: unknown) => this.tell('a subscriber could not be served', error, { subscriber: subscriber.name, orgId }))
      .finally(() => {
        this.running.delete(key);
        if (this.again.delete(key)) this.start(orgId, subscriber);
      });
    this.running.set(key, run);
  }

  private async work(orgId: OrgId, subscriber: Subscriber): Promise<void> {
    for (;;) {
      const ctx = systemContext(orgId, `event-${uuidv7()}`);
      const batch = await this.db.inOrg(ctx, (tx) => this.claim(tx, ctx, subscriber));
      for (const event of batch.events) {
        if (!(await this.hear(ctx, subscriber, event)) || this.stopped) return;
      }
      if (batch.done || this.stopped) return;
    }
  }

  /**
   * The next events of the subscriber. While this process works on them the cursor is held by its retry time: another one takes over when
   * this one dies. When there are none the cursor moves to the head, so that the sweep is quiet.
   */
  private async claim(tx: Tx, ctx: OrgContext, subscriber: Subscriber): Promise<{ events: LoggedEvent[]; done: boolean }> {
    const cursor =
      (await this.hold(tx, ctx, subscriber)) ?? ((await this.begin(tx, ctx, subscriber)) ? await this.hold(tx, ctx, subscriber) : null);
    if (!cursor) return { events: [], done: true };
    const events = cursor.seq < cursor.head ? await this.events.after(tx, ctx, Number(cursor.seq), BATCH, subscriber.types) : [];
    if (events.length === 0) {
      await tx.$executeRaw`UPDATE event_cursors SET seq = ${cursor.head}, retry_at = NULL WHERE org_id = ${ctx.orgId}::uuid AND subscriber = ${subscriber.name}`;
    }
    return { events, done: events.length < BATCH };
  }

  /** Holds the cursor; null when it is held, waits for a retry, or is not there yet. */
  private async hold(tx: Tx, ctx: OrgContext, subscriber: Subscriber): Promise<{ seq: bigint; head: bigint } | null> {
    const [cursor] = await tx.$queryRaw<{ seq: bigint; head: bigint }[]>`
      UPDATE event_cursors c SET retry_at = clock_timestamp() + interval '10 seconds' FROM event_heads h
      WHERE h.org_id = ${ctx.orgId}::uuid AND c.org_id = ${ctx.orgId}::uuid AND c.subscriber = ${subscriber.name}
        AND coalesce(c.retry_at <= clock_timestamp(), true)
      RETURNING c.seq, h.seq AS head`;
    return cursor ?? null;
  }

  /** Whether the subscriber had no cursor in this organization and has one now. */
  private async begin(tx: Tx, ctx: OrgContext, subscriber: Subscriber): Promise<boolean> {
    const made =
      await tx.$executeRaw`INSERT INTO event_cursors (org_id, subscriber, seq) VALUES (${ctx.orgId}::uuid, ${subscriber.name}, 0) ON CONFLICT DO NOTHING`;
    return made > 0;
  }

  /** What passes by itself (a database that is away) is no fault. */
  private tell(sentence: string, error: unknown, fields: { subscriber: string; orgId: OrgId; seq?: number }): void {
    if (error instanceof DomainError && error.retryable) this.log.warn(`${sentence}; it is tried again`, { ...fields, reason: error.code });
    else this.log.fault(sentence, error, fields);
  }

  /** Whether to go on with the next event. */
  private async hear(ctx: OrgContext, subscriber: Subscriber, event: LoggedEvent): Promise<boolean> {
    try {
      await subscriber.hear(ctx, event);
      await this.advance(ctx, subscriber, event.seq);
      return true;
    } catch (error) {
      this.tell('a subscriber failed', error, { subscriber: subscriber.name, orgId: ctx.orgId, seq: event.seq });
      return this.db.inOrg(ctx, async (tx) => {
        const [cursor] = await tx.$queryRaw<{ attempts: number }[]>`
          UPDATE event_cursors SET attempts = attempts + 1, retry_at = clock_timestamp() + least(power(2, attempts), 60) * interval '1 second'
          WHERE org_id = ${ctx.orgId}::uuid AND subscriber = ${subscriber.name} RETURNING attempts`;
        if (!cursor || cursor.attempts < MAX_ATTEMPTS) return false;
        const failure = error instanceof Error ? error.message.slice(0, 500) : 'unknown';
        await tx.$executeRaw`INSERT INTO event_failures (org_id, id, subscriber, seq, failure) VALUES (${ctx.orgId}::uuid, ${uuidv7()}::uuid, ${subscriber.name}, ${event.seq}, ${failure}) ON CONFLICT DO NOTHING`;
        await this.move(tx, ctx, subscriber, event.seq);
        return true;
      });
    }
  }

  private advance(ctx: OrgContext, subscriber: Subscriber, seq: number): Promise<void> {
    return this.db.inOrg(ctx, (tx) => this.move(tx, ctx, subscriber, seq));
  }

  private async move(tx: Tx, ctx: OrgContext, subscriber: Subscriber, seq: number): Promise<void> {
    await tx.$executeRaw`UPDATE event_cursors SET seq = greatest(seq, ${seq}), attempts = 0, retry_at = NULL WHERE org_id = ${ctx.orgId}::uuid AND subscriber = ${subscriber.name}`;
  }

  private async sweep(): Promise<void> {
    if (this.stopped || this.subscribers.length === 0) return;
    try {
      const names = this.subscribers.map((subscriber) => subscriber.name);
      const behind = await this.db.asSystem(
        'subscribers that are behind',
        (tx) =>
          tx.$queryRaw<{ org_id: string; subscriber: string }[]>`
          SELECT h.org_id, s.name AS subscriber FROM event_heads h CROSS JOIN unnest(${names}::text[]) AS s(name)
          LEFT JOIN event_cursors c ON c.org_id = h.org_id AND c.subscriber = s.name
          WHERE h.org_id <> ${INSTANCE_ORG}::uuid AND h.seq > coalesce(c.seq, 0) AND coalesce(c.retry_at < clock_timestamp(), true) LIMIT 500`,
      );
      for (const { org_id, subscriber } of behind) {
        const own = this.subscribers.find((one) => one.name === subscriber);
        if (own) this.start(org_id as OrgId, own);
      }
    } catch (error) {
      this.log.warn('the sweep for forgotten events failed; it goes on', {
        reason: error instanceof Error ? error.message.slice(0, 200) : '',
      });
    }
  }
}
