import type { LiveFrame } from '@atrium/contracts';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Rights } from './audience.js';
import type { EventFrame } from './event-frame.js';
import { holdsAll, type Reader, readerOf, receives } from './reader.js';

/** Why a connection ends, as WebSocket closing codes; SSE just ends. */
export const CLOSE = { stopping: 1001, badFrames: 4400, unauthenticated: 4401, tooMany: 4429 } as const;

/** The way to one client: a WebSocket or an SSE response. None of its methods throws. */
export interface Outlet {
  readonly transport: 'websocket' | 'sse';
  /** `name` and `id` are what SSE says beside the frame. */
  send(frame: string, name: string, id: number | null): void;
  /** Bytes accepted by `send` that the client has not taken. */
  backlogBytes(): number;
  close(code: number, reason: string): void;
  /** Ends at once, whatever is unsent. */
  cut(): void;
}

/** A reader with more unsent bytes is cut. */
export const MAX_BACKLOG_BYTES = 2 ** 20;
/** Lossy frames are dropped above this. */
const LOSSY_BACKLOG_BYTES = 64 * 2 ** 10;
/** A reader that takes nothing for so long is cut. Milliseconds. */
const STUCK_MS = 10_000;
/** Each credential is asked about again this often. Milliseconds. */
const RECHECK_MS = 60_000;

/** One authenticated client of one organization. Events go out in seq order, each naming the one that this client got before. */
export class Connection {
  readonly subscriptions = new Set<string>();
  /** False while the log is replayed: what the stream applies then is read from the log instead. */
  live = false;
  ended = false;
  presence: 'online' | 'away' | null = null;
  private reader: Reader;
  private takenAt = Date.now();
  private lastBacklog = 0;
  private recheckAt = Date.now() + RECHECK_MS * (0.5 + Math.random() / 2);

  constructor(
    public ctx: OrgContext,
    reader: Reader,
    readonly outlet: Outlet,
    private readonly onEnd: (connection: Connection, slow: boolean) => void,
    /** The seq of the event frame that this client got last. */
    public after = 0,
  ) {
    this.reader = reader;
  }

  get personId(): string {
    return this.reader.personId;
  }

  get who(): Reader {
    return this.reader;
  }

  /** Other rights: after a new token, or an event that changed the role. */
  become(ctx: OrgContext): void {
    this.ctx = ctx;
    this.reader = readerOf(ctx) ?? this.reader;
  }

  mayReceive(rights: Rights, frame: EventFrame): boolean {
    return receives(this.reader, rights, frame.event);
  }

  sendEvent(rights: Rights, frame: EventFrame): void {
    const { seq, type } = frame.event;
    this.send(frame.text(this.after, holdsAll(this.reader, rights, frame.requires)), type, seq);
    this.after = seq;
  }

  /** A frame that may get lost: not sent to a reader who lags. */
  sendLossy(json: string, frame: LiveFrame): void {
    if (this.live && this.outlet.backlogBytes() < LOSSY_BACKLOG_BYTES) this.send(json, frame.type, null);
  }

  /** The first frame, and the answer to a new token. `startsHere`: events go on after `seq`. */
  announce(seq: number, frameId: string | null, startsHere: boolean): void {
    if (startsHere) this.after = seq;
    this.send(JSON.stringify({ type: 'ready', ...(frameId === null ? {} : { id: frameId }), seq }), 'ready', startsHere ? seq : null);
  }

  /** The log goes on after `seq`; whatever came before has to be fetched anew. */
  reset(seq: number): void {
    this.after = seq;
    this.send(JSON.stringify({ type: 'reset', seq }), 'reset', seq);
  }

  send(frame: string, name: string, id: number | null = null): void {
    if (this.ended) return;
    this.outlet.send(frame, name, id);
    if (this.outlet.backlogBytes() > MAX_BACKLOG_BYTES) this.cutSlow();
  }

  close(code: number, reason: string): void {
    if (this.ended) return;
    this.end(false);
    this.outlet.close(code, reason);
  }

  /** The client has gone. */
  gone(): void {
    if (!this.ended) this.end(false);
  }

  /** Cuts a reader that has taken nothing for too long, and one whose credential has ended. Called every second. */
  inspect(now: number): void {
    const backlog = this.outlet.backlogBytes();
    if (backlog === 0 || backlog < this.lastBacklog) this.takenAt = now;
    this.lastBacklog = backlog;
    if (now - this.takenAt > STUCK_MS) this.cutSlow();
    else if (now >= (this.ctx.credential?.expiresAt ?? Infinity)) this.close(CLOSE.unauthenticated, 'the token has ended');
  }

  /** Whether it is time to ask again if the credential is current. */
  isDue(now: number): boolean {
    return now >= this.recheckAt;
  }

  askLater(now: number): void {
    this.recheckAt = now + RECHECK_MS;
  }

  askSoon(): void {
    this.recheckAt = 0;
  }

  private cutSlow(): void {
    if (this.ended) return;
    this.end(true);
    this.outlet.cut();
  }

  private end(slow: boolean): void {
    this.ended = true;
    this.onEnd(this, slow);
  }
}
