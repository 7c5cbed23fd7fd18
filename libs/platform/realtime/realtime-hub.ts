import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { LiveEvent, LiveFrame, OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { QuotaExceeded, Unauthenticated, Unavailable } from '@atrium/platform/errors';
import { Events, type LoggedEvent } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import { Authenticator, concerns, type OrgContext, type RevocationNotice, Revocations } from '@atrium/platform/tenancy';
import { AudienceResolvers } from './audience.js';
import { CLOSE, Connection, type Outlet } from './connection.js';
import { EventFrame, isLive } from './event-frame.js';
import type { LiveTarget } from './live-target.js';
import type { LiveWatcher } from './live-watcher.js';
import { OrganizationStream } from './organization-stream.js';
import { readerOf } from './reader.js';

/** How often the heads of followed organizations are read, and connections inspected. Milliseconds. */
const TICK_MS = 1_000;
/** How long a stream without connections is kept up to date. Milliseconds. */
const LINGER_MS = 30_000;
const MAX_PER_PERSON = 20;
const MAX_PER_ORGANIZATION = 2_000;
/** Credentials asked about at once. */
const RECHECKS_AT_ONCE = 4;

/** How long a revoked person's own events may take to reach them before they are cut. Milliseconds. */
const LAST_WORDS_MS = 1_000;

/** A connection and the log that it follows. */
export interface Seat {
  readonly connection: Connection;
  readonly stream: OrganizationStream;
}

/** How a client receives an event; null: not at all. */
type View = (event: LoggedEvent) => LiveEvent | null;

/** All live connections of this process, and the organizations' logs that they follow. */
@Injectable()
export class RealtimeHub implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly streams = new Map<OrgId, OrganizationStream>();
  private readonly stops: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private ticking = false;
  private stopping = false;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly authenticator: Authenticator,
    private readonly revocations: Revocations,
    private readonly audience: AudienceResolvers,
    private readonly metrics: Metrics,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.stops.push(this.events.listen((event) => this.offer(event)));
    this.stops.push(this.revocations.listen((notice) => this.cutRevoked(notice)));
    this.timer = setInterval(() => void this.tick(), TICK_MS);
  }

  beforeApplicationShutdown(): void {
    this.stopping = true;
    clearInterval(this.timer);
    for (const stop of this.stops) stop();
    for (const connection of this.connections()) connection.close(CLOSE.stopping, 'the server stops');
    for (const stream of this.streams.values()) stream.stop();
  }

  /** Whether this process follows the organization. */
  follows(orgId: OrgId): boolean {
    return this.streams.has(orgId);
  }

  /** The organization's log with its rights, loaded. */
  async open(orgId: OrgId): Promise<OrganizationStream> {
    let stream = this.streams.get(orgId);
    if (!stream) {
      stream = new OrganizationStream(orgId, this.db, this.events, this.audience, this.log);
      this.streams.set(orgId, stream);
    }
    stream.idleSince = Date.now();
    await stream.load();
    return stream;
  }

  /** How a client of `ctx` receives events, by the rights of this moment: null, not at all. Not inside a transaction. */
  async view(ctx: OrgContext): Promise<View> {
    return (await this.views(ctx.orgId))(ctx);
  }

  /** The same for several clients of an organization, by the rights of one moment. */
  async views(orgId: OrgId): Promise<(ctx: OrgContext) => View> {
    const stream = await this.open(orgId);
    await stream.catchUp();
    return (ctx) => {
      const reader = readerOf(ctx);
      return (event) => (reader && isLive(event) && stream.mayReceive(reader, event) ? stream.view(reader, new EventFrame(event)) : null);
    };
  }

  /**
   * Lets an authenticated client in. It hears nothing before `stream.follow`.
   * @throws QuotaExceeded `request.rate_limited` when the person or the organization has too many connections; Unauthenticated
   *   `auth.invalid_token` when the credential was revoked meanwhile.
   */
  async admit(ctx: OrgContext, outlet: Outlet): Promise<Seat> {
    const reader = readerOf(ctx);
    if (!reader || this.stopping)
      throw new Unavailable('request.overloaded', 'The server takes no connections now. Try again in a moment.');
    const stream = await this.open(ctx.orgId);
    assertRoom(stream, reader.personId);
    const connection = new Connection(ctx, reader, outlet, (ended, slow) => this.forget(stream, ended, slow));
    stream.connections.add(connection);
    this.metrics.sockets.inc({ transport: outlet.transport });
    try {
      // From here on changes of rights reach the connection; what changed between its authentication and now is found by asking again.
      if (await this.authenticator.isCurrent(ctx)) return { connection, stream };
    } catch (error) {
      connection.gone();
      throw error;
    }
    connection.gone();
    throw new Unauthenticated('auth.invalid_token', 'The token was revoked. Sign in again.');
  }

  /** Lets code of ours follow the organization from now on, until it calls what this answers. Not inside a transaction. */
  async watch(orgId: OrgId, watcher: LiveWatcher): Promise<() => void> {
    const stream = await this.open(orgId);
    stream.watchers.add(watcher);
    return () => {
      stream.watchers.delete(watcher);
      stream.idleSince = Date.now();
    };
  }

  /** An event that was committed, by whichever process. */
  offer(event: LoggedEvent): void {
    this.streams.get(event.organizationId)?.offer(event);
  }

  /** Gives a lossy frame to the connections of this process. */
  deliver(orgId: OrgId, frame: LiveFrame, target: LiveTarget): void {
    this.streams.get(orgId)?.tellLossy(frame, target);
  }

  /**
   * Ends the connections of revoked credentials, after the events that led to it (a removal reaches the person removed). When a notice is
   * about all that a person has, what is still valid after those events stays.
   */
  private cutRevoked(notice: RevocationNotice): void {
    const stream = this.streams.get(notice.orgId as OrgId);
    const meant = [...(stream?.connections ?? [])].filter((connection) => concerns(notice, connection.ctx));
    if (!stream || meant.length === 0) return;
    const isOfOne = notice.sessionId !== undefined || notice.apiKeyId !== undefined;
    const cut = async (connection: Connection): Promise<void> => {
      if (isOfOne) connection.close(CLOSE.unauthenticated, 'the credential was revoked');
      else await this.endUnlessCurrent(connection);
    };
    const lastWords = stream.catchUp().catch(() => undefined);
    const deadline = new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref());
    void Promise.race([lastWords, deadline]).then(() => Promise.all(meant.map(cut)));
  }

  private async endUnlessCurrent(connection: Connection): Promise<void> {
    if (connection.ended) return;
    const current = await this.authenticator.isCurrent(connection.ctx).catch(() => false);
    if (!current) connection.close(CLOSE.unauthenticated, 'the credential was revoked');
  }

  private forget(stream: OrganizationStream, connection: Connection, slow: boolean): void {
    stream.connections.delete(connection);
    stream.idleSince = Date.now();
    this.metrics.sockets.dec({ transport: connection.outlet.transport });
    if (slow) this.metrics.slowReaders.inc();
    if (connection.presence) this.sayOffline(stream, connection);
  }

  /** Told only when it was the person's last connection here. */
  private sayOffline(stream: OrganizationStream, { personId }: Connection): void {
    for (const other of stream.connections) if (other.personId === personId && other.presence) return;
    this.onOffline(stream.orgId, personId);
  }

  /** Set by the bus, which carries it to other processes too. */
  onOffline: (orgId: OrgId, personId: string) => void = () => undefined;

  private *connections(): Iterable<Connection> {
    for (const stream of this.streams.values()) yield* [...stream.connections];
  }

  private async tick(): Promise<void> {
    const now = Date.now();
    for (const connection of this.connections()) connection.inspect(now);
    this.dropIdle(now);
    if (this.ticking) return;
    this.ticking = true;
    try {
      await Promise.all([this.pollHeads(), this.recheck(now)]);
    } catch (error) {
      this.log.warn('the live streams could not be checked against the database', {
        component: 'realtime',
        reason: error instanceof Error ? error.name : null,
      });
    } finally {
      this.ticking = false;
    }
  }

  private dropIdle(now: number): void {
    for (const [orgId, stream] of this.streams) {
      if (stream.connections.size > 0 || stream.watchers.size > 0 || now - stream.idleSince < LINGER_MS) continue;
      stream.stop();
      this.streams.delete(orgId);
    }
  }

  /** The relay: finds what a dead process or a dead Redis never told. */
  private async pollHeads(): Promise<void> {
    const orgIds = [...this.streams.keys()];
    if (orgIds.length === 0) return;
    const heads = await this.db.asSystem(
      'relay of events',
      (tx) => tx.$queryRaw<{ org_id: OrgId; seq: bigint }[]>`SELECT org_id, seq FROM event_heads WHERE org_id = ANY (${orgIds}::uuid[])`,
    );
    for (const { org_id: orgId, seq } of heads) this.streams.get(orgId)?.hint(Number(seq));
  }

  private async recheck(now: number): Promise<void> {
    const due = [...this.connections()].filter((connection) => connection.isDue(now));
    const next = async (): Promise<void> => {
      for (let connection = due.pop(); connection; connection = due.pop()) await this.ask(connection, now);
    };
    await Promise.all(Array.from({ length: RECHECKS_AT_ONCE }, next));
  }

  private async ask(connection: Connection, now: number): Promise<void> {
    const { ctx } = connection;
    connection.askLater(now);
    try {
      const current = await this.authenticator.isCurrent(ctx);
      // Rights that an event changed meanwhile were not what was asked about.
      if (!current && connection.ctx === ctx) connection.close(CLOSE.unauthenticated, 'the credential is no longer valid');
    } catch (error) {
      connection.askSoon();
      throw error;
    }
  }
}

/** @throws QuotaExceeded `request.rate_limited` */
function assertRoom(stream: OrganizationStream, personId: string): void {
  let own = 0;
  for (const connection of stream.connections) if (connection.personId === personId) own += 1;
  if (own >= MAX_PER_PERSON)
    throw new QuotaExceeded('request.rate_limited', `At most ${MAX_PER_PERSON} live connections per person. Close one first.`);
  if (stream.connections.size >= MAX_PER_ORGANIZATION) {
    throw new QuotaExceeded('request.rate_limited', `At most ${MAX_PER_ORGANIZATION} live connections per organization and server.`);
  }
}
