import { LIVE_TYPES, type LiveEvent, type LiveFrame, type OrgId, type Role } from '@atrium/contracts';
import type { Db } from '@atrium/platform/db';
import { type Events, type JsonObject, type LoggedEvent, toLiveEvent } from '@atrium/platform/events';
import type { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import type { AudienceResolvers, Rights } from './audience.js';
import { CLOSE, type Connection } from './connection.js';
import { EventFrame, isLive } from './event-frame.js';
import { holdsAll, mayHear, mayReadChannel, type Reader, receives, withRole } from './reader.js';
import type { LiveTarget } from './live-target.js';
import type { LiveWatcher } from './live-watcher.js';

/** Events of one read of the log. */
const PAGE = 500;
/** How long an event that is ahead waits for those before it, until the log is read. Milliseconds. */
const GRACE_MS = 20;
/** Events that are ahead are kept up to this many; the rest is read from the log. */
const MAX_AHEAD = 1_000;
/** A client further behind than this starts anew. */
const MAX_REPLAY = 10_000;
/** Bytes on the way to a client at which its replay waits. */
const REPLAY_BACKLOG_BYTES = 256 * 2 ** 10;

/** Events after which others may read than before. */
const RIGHTS_TYPES: ReadonlySet<string> = new Set([
  'chat.channel_created',
  'chat.channel_changed',
  'chat.channel_deleted',
  'chat.member_added',
  'chat.member_removed',
  'organizations.team_member_added',
  'organizations.team_member_removed',
  'organizations.team_deleted',
  'organizations.member_removed',
]);

/** One organization's log as this process follows it: the position, the rights at that position, and who is connected. */
export class OrganizationStream {
  readonly connections = new Set<Connection>();
  readonly watchers = new Set<LiveWatcher>();
  /** When the last connection or watcher left. Milliseconds since 1970. */
  idleSince = Date.now();
  private seq = 0;
  private rights: Rights = new Map();
  private loading: Promise<void> | null = null;
  private loaded = false;
  private readonly ahead = new Map<number, LoggedEvent>();
  private target = 0;
  private filling: Promise<void> | null = null;
  private graceTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly orgId: OrgId,
    private readonly db: Db,
    private readonly events: Events,
    private readonly audience: AudienceResolvers,
    private readonly log: Log,
  ) {}

  /** The seq up to which events were applied. */
  get head(): number {
    return this.seq;
  }

  /** Loads rights and position in one snapshot, once. */
  load(): Promise<void> {
    this.loading ??= this.loadOnce().catch((error: unknown) => {
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  /** An event that somebody told of: applied now when it is next, else after those before it. */
  offer(event: LoggedEvent): void {
    if (event.seq <= this.seq) return;
    if (this.ahead.size < MAX_AHEAD) this.ahead.set(event.seq, event);
    this.target = Math.max(this.target, event.seq);
    if (!this.loaded) return;
    this.applyAhead();
    this.fillSoon();
  }

  /** The log is known to reach `seq`. */
  hint(seq: number): void {
    this.target = Math.max(this.target, seq);
    if (this.loaded) this.fillSoon();
  }

  /** Applies everything that is committed by now. */
  async catchUp(): Promise<void> {
    await this.load();
    const head = await this.db.readInOrg({ orgId: this.orgId }, (tx) => this.events.head(tx, { orgId: this.orgId }));
    this.target = Math.max(this.target, head);
    if (this.seq < head) await this.fill();
  }

  /**
   * Says `ready`, brings the connection from `resumeFrom` to the present, or tells it to start anew, and lets it go on live. A
   * `resumeFrom` that is no number of this log (from the future, too old, NaN) is a start anew; null starts with what comes next.
   */
  async follow(connection: Connection, resumeFrom: number | null, frameId: string | null = null): Promise<void> {
    if (resumeFrom !== null && resumeFrom > this.seq) await this.catchUp();
    const behind = resumeFrom === null ? 0 : this.seq - resumeFrom;
    connection.announce(this.seq, frameId, resumeFrom === null);
    if (resumeFrom !== null && behind >= 0 && behind <= MAX_REPLAY) return this.replay(connection, resumeFrom);
    if (resumeFrom !== null) connection.reset(this.seq);
    connection.live = true;
  }

  /** A page of live events that the reader may see, and where the next begins (null: that was all). */
  async page(reader: Reader, after: number, limit: number): Promise<{ frames: EventFrame[]; next: number | null }> {
    await this.catchUp();
    const until = this.seq;
    const events = after >= until ? [] : await this.read(after, limit, LIVE_TYPES);
    const upTo = events.filter((event) => event.seq <= until);
    const frames = upTo.map((event) => new EventFrame(event)).filter(({ event }) => this.mayReceive(reader, event));
    const last = upTo.at(-1);
    return { frames, next: upTo.length === limit && last && last.seq < until ? last.seq : null };
  }

  mayReceive(reader: Reader, event: LoggedEvent): boolean {
    return receives(reader, this.rights, event);
  }

  /** The event of the frame as the reader receives it: its text only with a grant of every source. */
  view(reader: Reader, { event, requires }: EventFrame): LiveEvent {
    return toLiveEvent(event, holdsAll(reader, this.rights, requires) ? new Set(requires.flat()) : null);
  }

  mayReadChannel(reader: Reader, channelId: string): boolean {
    return mayReadChannel(reader, this.rights, channelId);
  }

  tellLossy(frame: LiveFrame, target: LiveTarget): void {
    for (const watcher of this.watchers) watcher.frame(frame, target);
    if (this.connections.size === 0) return;
    const json = JSON.stringify(frame);
    for (const connection of this.connections)
      if (mayHear(connection.who, frame) && this.isTarget(connection, target)) connection.sendLossy(json, frame);
  }

  stop(): void {
    clearTimeout(this.graceTimer);
  }

  private isTarget(connection: Connection, target: LiveTarget): boolean {
    const reader = connection.who;
    if ('userId' in target) return reader.personId === target.userId;
    if (!('channelId' in target)) return reader.role !== 'guest';
    return (
      connection.subscriptions.has(target.channelId) &&
      mayReadChannel(reader, this.rights, target.channelId) &&
      holdsAll(reader, this.rights, target.requires ?? [])
    );
  }

  private async loadOnce(): Promise<void> {
    const ctx = systemContext(this.orgId, 'realtime');
    const snapshot = await this.db.readInOrg(ctx, async (tx) => ({
      seq: await this.events.head(tx, ctx),
      rights: await this.audience.load(tx, ctx),
    }));
    this.seq = snapshot.seq;
    this.rights = snapshot.rights;
    this.loaded = true;
    for (const seq of this.ahead.keys()) if (seq <= this.seq) this.ahead.delete(seq);
    this.applyAhead();
    this.fillSoon();
  }

  /** Applies what is next as long as it is at hand. */
  private applyAhead(): void {
    for (let event = this.ahead.get(this.seq + 1); event; event = this.ahead.get(this.seq + 1)) this.apply(event);
  }

  private fillSoon(): void {
    if (this.seq >= this.target || this.graceTimer || this.filling) return;
    this.graceTimer = setTimeout(() => {
      this.graceTimer = undefined;
      if (this.seq < this.target)
        void this.fill().catch((error: unknown) => this.log.fault('the log could not be read', error, { orgId: this.orgId }));
    }, GRACE_MS);
  }

  private fill(): Promise<void> {
    this.filling ??= this.fillGap().finally(() => {
      this.filling = null;
    });
    return this.filling;
  }

  /** Reads the log until the target is reached. A target that the log does not reach was a mistake. */
  private async fillGap(): Promise<void> {
    while (this.seq < this.target) {
      const events = await this.read(this.seq, PAGE, null);
      if (events.length === 0) {
        this.target = this.seq;
        this.ahead.clear();
      }
      for (const event of events) if (event.seq > this.seq) this.apply(event);
      this.applyAhead();
    }
  }

  private read(after: number, limit: number, types: readonly string[] | null): Promise<LoggedEvent[]> {
    const of = { orgId: this.orgId };
    return this.db.readInOrg(of, (tx) => this.events.after(tx, of, after, limit, types));
  }

  /** The one place where time passes: position, rights and what clients see change together. */
  private apply(event: LoggedEvent): void {
    this.seq = event.seq;
    this.ahead.delete(event.seq);
    const frame = isLive(event) ? new EventFrame(event) : null;
    if (RIGHTS_TYPES.has(event.type)) this.applyRights(event, frame);
    else if (frame)
      for (const connection of this.connections)
        if (connection.live && connection.mayReceive(this.rights, frame)) connection.sendEvent(this.rights, frame);
    if (event.type === 'organizations.member_changed' || event.type === 'organizations.member_removed') this.applyMember(event);
    if (event.type === 'organizations.api_key_revoked') this.cutKey(event.subject.id);
    if (event.type === 'agents.changed') this.askAboutAgent(event.subject.id);
    for (const watcher of this.watchers) watcher.event(event);
  }

  /** Who may read before or after a change of rights hears of it. */
  private applyRights(event: LoggedEvent, frame: EventFrame | null): void {
    const before = frame ? new Set([...this.connections].filter((connection) => connection.mayReceive(this.rights, frame))) : null;
    this.changeRights(event);
    if (!frame) return;
    for (const connection of this.connections) {
      if (connection.live && (before?.has(connection) || connection.mayReceive(this.rights, frame)))
        connection.sendEvent(this.rights, frame);
    }
  }

  /** Rights that cannot be known are no rights: then nobody reads a channel until they are loaded again. */
  private changeRights(event: LoggedEvent): void {
    try {
      this.audience.apply(this.rights, event);
    } catch (error) {
      this.log.fault('an event could not be applied to the rights', error, { orgId: this.orgId, seq: event.seq });
      this.rights = new Map();
      void this.reload().catch((failure: unknown) => this.log.fault('the rights could not be loaded', failure, { orgId: this.orgId }));
    }
  }

  private async reload(): Promise<void> {
    this.loaded = false;
    this.loading = null;
    await this.load();
    for (const connection of this.connections) if (connection.live) connection.reset(this.seq);
  }

  private applyMember(event: LoggedEvent): void {
    const { role, suspended, suspendedAt } = event.data as JsonObject as { role?: Role; suspended?: boolean; suspendedAt?: string | null };
    const ends = event.type === 'organizations.member_removed' || suspended === true || typeof suspendedAt === 'string';
    for (const connection of [...this.connections]) {
      if (connection.personId !== event.subject.id) continue;
      if (ends) connection.close(CLOSE.unauthenticated, 'no longer a member');
      else if (role) {
        connection.become(withRole(connection.ctx, role));
        // Keys that name an agent are for administrators.
        if (connection.who.agentId !== null) connection.askSoon();
      }
    }
  }

  private cutKey(apiKeyId: string): void {
    for (const connection of [...this.connections]) {
      const { credential } = connection.ctx;
      if (credential?.kind === 'api_key' && credential.id === apiKeyId)
        connection.close(CLOSE.unauthenticated, 'the credential was revoked');
    }
  }

  /** It may act no more: a paused or retired agent's keys are none. */
  private askAboutAgent(agentId: string): void {
    for (const connection of this.connections) if (connection.who.agentId === agentId) connection.askSoon();
  }

  /** Reads on until the stream's own position is reached; in that same moment the connection goes live, so nothing is lost or doubled. */
  private async replay(connection: Connection, from: number): Promise<void> {
    connection.after = from;
    let at = from;
    while (at < this.seq && !connection.ended) {
      const until = this.seq;
      const events = await this.read(at, PAGE, LIVE_TYPES);
      if (events.length < PAGE) at = until;
      for (const event of events) {
        // Beyond the position the rights are not known yet: the stream itself will bring it.
        if (event.seq > this.seq) {
          at = this.seq;
          break;
        }
        at = Math.max(at, event.seq);
        const frame = new EventFrame(event);
        if (connection.mayReceive(this.rights, frame)) connection.sendEvent(this.rights, frame);
        if (connection.outlet.backlogBytes() > REPLAY_BACKLOG_BYTES) await drained(connection);
      }
    }
    connection.live = true;
  }
}

/** Until the client has taken most of what was sent; one that takes nothing is cut by its inspection. */
async function drained(connection: Connection): Promise<void> {
  while (!connection.ended && connection.outlet.backlogBytes() > REPLAY_BACKLOG_BYTES / 2)
    await new Promise((resolve) => setTimeout(resolve, 10));
}
