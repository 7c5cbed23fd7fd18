import { AsyncResource } from 'node:async_hooks';
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { DomainError } from '@atrium/platform/errors';
import { Log, Metrics } from '@atrium/platform/observability';
import { INSTANCE_ORG, type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { type AsideHold, endAside, holdAside, listAside, retryAside, takeAside } from './aside.js';
import { type Hold, holdCursor, keepCursor, MAX_ATTEMPTS, moveCursor, retryCursor, setAside } from './cursor.js';
import type { LoggedEvent } from './event.js';
import { Events } from './events.js';
import { ON_EVENT, type Subscription } from './subscribers.js';

interface Subscriber extends Subscription {
  hear(ctx: OrgContext, event: LoggedEvent): Promise<void>;
}

/** How often the log is swept for what nobody announced. Milliseconds. */
const SWEEP_MS = 1_000;
/** A subscriber that has just worked for an organization rests so long: what comes meanwhile is heard in one go. Milliseconds. */
const REST_MS = 100;
const BATCH = 100;
/** So often it says that it lives. Milliseconds. */
const SIGN_MS = 2_000;
/** Organizations that one sweep brings up to date; the others are next second's. */
const SWEPT = 200;

/** Organizations and subscribers for which one process tries again at once what was set aside. */
const TRIED_AGAIN = 4;

interface Try {
  event: LoggedEvent;
  /** Of its batch: the cursor stands right before it. */
  first: boolean;
}

interface Batch {
  hold: Hold;
  events: LoggedEvent[];
  /** How far the log was read: everything up to here is in `events`, or not for this subscriber. */
  upTo: number;
  done: boolean;
}

/**
 * Brings events to their subscribers. A cursor per organization and subscriber says how far it has come; whoever holds it (`holder`, until
 * `retry_at`) works on it, a batch at a time. Announced events are handled at once, forgotten ones (a killed process) by the sweep.
 *
 * A try is counted when the cursor is taken, before the event is heard: one that ends the process is given up like one that throws. What a
 * dead process had in hand is heard one by one, the cursor moved after each, so that the event that kills is known. Handlers have
 * transactions of their own, so what was heard and not yet moved past is heard again: they are idempotent.
 *
 * An event that was set aside holds up nothing, but is not given up: it is tried again with a growing pause, beside the others and out of
 * their order, for as long as it fails by an error. One that ends its process is tried again only by hand.
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly subscribers: Subscriber[] = [];
  private readonly running = new Map<string, Promise<void>>();
  private readonly again = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private sweeping: Promise<void> = Promise.resolve();
  /** The organization after which the next sweep goes on, when the last one did not come round. */
  private swept: OrgId = INSTANCE_ORG;
  private aside: Record<string, number> = {};
  private unlisten: () => void = () => undefined;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly log: Log,
    private readonly discovery: DiscoveryService,
    private readonly metrics: Metrics,
  ) {}

  /** How many events are set aside, by subscriber, as of the last sweep: of all organizations and processes. */
  get setAside(): Readonly<Record<string, number>> {
    return this.aside;
  }

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
  private nudge(event: LoggedEvent): void {
    for (const subscriber of this.subscribers) if (wants(subscriber, event)) this.start(event.organizationId, subscriber);
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
    this.run(`${orgId}|${subscriber.name}`, orgId, subscriber, () => this.work(orgId, subscriber));
  }

  private run(key: string, orgId: OrgId, subscriber: Subscriber, work: () => Promise<void>): void {
    if (this.stopped) return;
    if (this.running.has(key)) {
      this.again.add(key);
      return;
    }
    const run = work()
      .catch((error: unknown) => this.tell('a subscriber could not be served', error, { subscriber: subscriber.name, orgId }))
      .finally(() => this.rest(key, () => this.run(key, orgId, subscriber, work)));
    this.running.set(key, run);
  }

  private rest(key: string, wake: () => void): void {
    setTimeout(() => {
      this.running.delete(key);
      if (this.again.delete(key)) wake();
    }, REST_MS).unref();
  }

  private async work(orgId: OrgId, subscriber: Subscriber): Promise<void> {
    const ctx = systemContext(orgId, `event-${uuidv7()}`);
    for (let batch = await this.claim(ctx, subscriber); batch; batch = await this.claim(ctx, subscriber)) {
      const heard = await this.hearAll(ctx, subscriber, batch);
      if (!heard || batch.done || this.stopped) return;
    }
  }

  /**
   * The next events of the subscriber; null when it is served elsewhere, or up to date. While this process works on them the cursor is held:
   * another one takes over when this one dies. When there are none the cursor moves on at once.
   */
  private claim(ctx: OrgContext, subscriber: Subscriber): Promise<Batch | null> {
    return this.db.inOrg(ctx, async (tx) => {
      const held = await holdCursor(tx, ctx.orgId, subscriber.name);
      if (!held) return null;
      const { hold, seq, head } = held;
      const read = seq < head ? await this.events.after(tx, ctx, seq, BATCH, subscriber.types) : [];
      const done = read.length < BATCH;
      const upTo = Math.max(read.at(-1)?.seq ?? 0, done ? head : 0);
      const events = read.filter((event) => wants(subscriber, event));
      if (events.length > 0) return { hold, events, upTo, done };
      await moveCursor(tx, hold, upTo, false);
      return done ? null : { hold, events, upTo, done };
    });
  }

  /** What passes by itself (a database that is away) is no fault. */
  private tell(sentence: string, error: unknown, fields: { subscriber: string; orgId: OrgId; seq?: number }): void {
    if (error instanceof DomainError && error.retryable) this.log.warn(`${sentence}; it is tried again`, { ...fields, reason: error.code });
    else this.log.fault(sentence, error, fields);
  }

  /** Whether all of the batch is behind the subscriber. Killed in between, it hears again what it has not moved past. */
  private async hearAll(ctx: OrgContext, subscriber: Subscriber, { hold, events, upTo }: Batch): Promise<boolean> {
    let heldAt = Date.now();
    for (const [index, event] of events.entries()) {
      if (!(await this.isBehind(ctx, subscriber, hold, { event, first: index === 0 }))) return false;
      const last = index === events.length - 1;
      const goesOn = !last && !this.stopped;
      if (goesOn && !hold.inherited && Date.now() - heldAt < SIGN_MS) continue;
      const moved = await this.db.inOrg(ctx, (tx) => moveCursor(tx, hold, last ? upTo : event.seq, goesOn));
      if (!moved || this.stopped) return false;
      heldAt = Date.now();
    }
    return true;
  }

  /** Whether the event was heard, or given up. What came before it in the batch was heard. */
  private async isBehind(ctx: OrgContext, subscriber: Subscriber, hold: Hold, { event, first }: Try): Promise<boolean> {
    const fields = { subscriber: subscriber.name, orgId: ctx.orgId, seq: event.seq };
    if (first && hold.attempts > MAX_ATTEMPTS) {
      this.log.error('an event ended the process each time it was heard; it is set aside until somebody has looked', fields);
      return this.db.inOrg(ctx, (tx) => setAside(tx, hold, event.seq, null));
    }
    try {
      await this.hear(ctx, subscriber, event, (tx) => keepCursor(tx, hold));
      return true;
    } catch (error) {
      this.tell('a subscriber failed', error, fields);
      const aside = await this.db.inOrg(ctx, async (tx) => {
        if (!first && !(await moveCursor(tx, hold, event.seq - 1, true))) return false;
        return retryCursor(tx, hold, event.seq, failureOf(error));
      });
      if (aside) this.log.error('an event failed its subscriber too often; it is set aside, and tried again by itself', fields);
      return aside;
    }
  }

  /** Tries what is due of that which was set aside. */
  private async workAside(orgId: OrgId, subscriber: Subscriber): Promise<void> {
    const ctx = systemContext(orgId, `event-${uuidv7()}`);
    const take = () => (this.stopped ? null : this.db.inOrg(ctx, (tx) => takeAside(tx, orgId, subscriber.name)));
    for (let hold = await take(); hold; hold = await take()) await this.tryAgain(ctx, subscriber, hold);
  }

  private async tryAgain(ctx: OrgContext, subscriber: Subscriber, hold: AsideHold): Promise<void> {
    const fields = { subscriber: subscriber.name, orgId: ctx.orgId, seq: hold.seq, attempt: hold.attempts };
    try {
      const [event] = await this.db.readInOrg(ctx, (tx) => this.events.after(tx, ctx, hold.seq - 1, 1));
      // What is in the log no more, or no longer for this subscriber, is nothing to hear.
      if (event?.seq === hold.seq && wants(subscriber, event)) await this.hear(ctx, subscriber, event, (tx) => holdAside(tx, hold));
      await this.db.inOrg(ctx, (tx) => endAside(tx, hold));
      this.log.info('an event that was set aside was heard', fields);
    } catch (error) {
      this.tell('a subscriber failed once more with an event that was set aside', error, fields);
      await this.db.inOrg(ctx, (tx) => retryAside(tx, hold, failureOf(error)));
    }
  }

  /** Says now and then that this process lives while the subscriber takes its time. */
  private async hear(ctx: OrgContext, subscriber: Subscriber, event: LoggedEvent, keep: (tx: Tx) => Promise<void>): Promise<void> {
    let said = Promise.resolve();
    const say = () => this.db.inOrg(ctx, keep);
    // A sign that cannot be given is missed at the next move, if another process took over.
    const timer = setInterval(() => void (said = said.then(say).catch(() => undefined)), SIGN_MS);
    try {
      await subscriber.hear(ctx, event);
    } finally {
      clearInterval(timer);
      await said;
    }
  }

  private async sweep(): Promise<void> {
    if (this.stopped || this.subscribers.length === 0) return;
    try {
      const names = this.subscribers.map((subscriber) => subscriber.name);
      const behind = await this.db.asSystem(
        'organizations with subscribers that are behind',
        (tx) =>
          tx.$queryRaw<{ org_id: OrgId }[]>`
          SELECT h.org_id FROM event_heads h WHERE h.org_id > ${this.swept}::uuid AND h.seq > 0 AND EXISTS (
            SELECT 1 FROM unnest(${names}::text[]) AS s(name) LEFT JOIN event_cursors c ON c.org_id = h.org_id AND c.subscriber = s.name
            WHERE h.seq > coalesce(c.seq, 0) AND coalesce(c.retry_at < clock_timestamp(), true)) ORDER BY h.org_id LIMIT ${SWEPT}`,
      );
      this.swept = behind.length < SWEPT ? INSTANCE_ORG : (behind.at(-1)?.org_id ?? INSTANCE_ORG);
      for (const { org_id } of behind) if (!this.stopped) await this.sweepOne(org_id).catch((error: unknown) => this.tellSweep(error));
      await this.sweepAside();
    } catch (error) {
      this.tellSweep(error);
    }
  }

  /** Counts what is set aside, and tries again what is due of it, a few organizations at once. */
  private async sweepAside(): Promise<void> {
    const all = await this.db.asSystem('events that were set aside', (tx) => listAside(tx));
    this.aside = {};
    for (const { subscriber, count } of all) this.aside[subscriber] = (this.aside[subscriber] ?? 0) + count;
    this.metrics.setAside.reset();
    for (const [subscriber, count] of Object.entries(this.aside)) this.metrics.setAside.set({ subscriber }, count);
    for (const { orgId, subscriber: name, due } of all) {
      if (this.tryingAgain >= TRIED_AGAIN) return;
      const subscriber = this.subscribers.find((each) => each.name === name);
      const key = `${orgId}|${name}|aside`;
      if (subscriber && due && !this.running.has(key)) this.run(key, orgId, subscriber, () => this.workAside(orgId, subscriber));
    }
  }

  private get tryingAgain(): number {
    return [...this.running.keys()].filter((key) => key.endsWith('|aside')).length;
  }

  private tellSweep(error: unknown): void {
    this.log.warn('the sweep for forgotten events failed; it goes on', {
      reason: error instanceof Error ? error.message.slice(0, 200) : '',
    });
  }

  /** Moves the cursors of those for whom the log holds nothing new, all at once, and serves the others. */
  private async sweepOne(orgId: OrgId): Promise<void> {
    const ctx = systemContext(orgId, `event-${uuidv7()}`);
    const all = JSON.stringify(this.subscribers.map(({ name, types }) => ({ name, types })));
    const waiting = await this.db.inOrg(ctx, async (tx) => {
      await tx.$executeRaw`INSERT INTO event_cursors (org_id, subscriber, seq)
        SELECT ${orgId}::uuid, s.name, 0 FROM jsonb_to_recordset(${all}::jsonb) AS s(name text) ON CONFLICT DO NOTHING`;
      await tx.$executeRaw`
        UPDATE event_cursors c SET seq = h.seq FROM event_heads h, jsonb_to_recordset(${all}::jsonb) AS s(name text, types text[])
        WHERE h.org_id = ${orgId}::uuid AND c.org_id = ${orgId}::uuid AND c.subscriber = s.name AND c.seq < h.seq AND c.retry_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM events e WHERE e.org_id = ${orgId}::uuid AND e.seq > c.seq AND e.type = ANY (s.types))`;
      return tx.$queryRaw<{ subscriber: string }[]>`
        SELECT c.subscriber FROM event_cursors c JOIN event_heads h USING (org_id)
        WHERE c.org_id = ${orgId}::uuid AND c.seq < h.seq AND coalesce(c.retry_at < clock_timestamp(), true)`;
    });
    const names = new Set(waiting.map(({ subscriber }) => subscriber));
    for (const subscriber of this.subscribers) if (names.has(subscriber.name)) this.start(orgId, subscriber);
  }
}

/** Whether the subscriber hears this event. */
const wants = ({ types, only }: Subscription, event: LoggedEvent): boolean => types.includes(event.type) && (only?.(event) ?? true);

const failureOf = (error: unknown): string => (error instanceof Error ? error.message.slice(0, 500) : 'unknown');
