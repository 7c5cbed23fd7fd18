import { WebSocket } from 'ws';
import type { ClientFrame, LiveEvent, ServerFrame } from '@atrium/contracts';
import { testRun } from './run.js';

export type EventFrame = Extract<ServerFrame, { type: 'event' }>;
type Closed = { code: number; reason: string };
/** A client frame without the id, which the client numbers itself. */
type Said = ClientFrame extends infer F ? (F extends { id: string } ? Omit<F, 'id'> : never) : never;

export interface LiveOptions {
  resumeFrom?: number;
  baseUrl?: string;
  headers?: Record<string, string>;
}

/** How long a wait takes before the test fails. Milliseconds. */
const WAIT_MS = 15_000;

/** A WebSocket client of the running app that keeps every frame it got. */
export class LiveClient {
  readonly frames: ServerFrame[] = [];
  readonly closed: Promise<Closed>;
  isClosed: Closed | null = null;
  private readonly waiting = new Set<() => void>();
  private nextId = 1;

  private constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.isClosed = { code, reason: reason.toString() };
        resolve(this.isClosed);
        this.wake();
      });
    });
    socket.on('message', (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString()) as ServerFrame);
      this.wake();
    });
    socket.on('error', () => undefined);
  }

  /** An open socket that nobody has signed in on. */
  static async open({ baseUrl = testRun().baseUrl, headers }: LiveOptions = {}): Promise<LiveClient> {
    const socket = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}/v1/socket`, {
      perMessageDeflate: false,
      ...(headers ? { headers } : {}),
    });
    const client = new LiveClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('unexpected-response', (_request, response) => reject(new Error(`upgrade refused: ${response.statusCode}`)));
      socket.once('error', reject);
    });
    return client;
  }

  /** Signed in and ready. With `resumeFrom` the missed events follow. */
  static async connect(token: string, options: LiveOptions = {}): Promise<LiveClient> {
    const client = await LiveClient.open(options);
    const answer = await client.auth(token, options.resumeFrom);
    if (answer.type !== 'ready') throw new Error(`not ready: ${JSON.stringify(answer)}`);
    return client;
  }

  /** The durable events so far, oldest first. */
  get events(): LiveEvent[] {
    return this.eventFrames.map((frame) => frame.event);
  }
  get eventFrames(): EventFrame[] {
    return this.frames.filter((frame): frame is EventFrame => frame.type === 'event');
  }
  /** Where to resume: the seq of the last event, or of the last `reset` or `ready` before any. */
  get position(): number {
    for (const frame of this.frames.toReversed())
      if (frame.type === 'event' || frame.type === 'reset' || frame.type === 'ready') return frame.seq;
    return 0;
  }

  auth(token: string, resumeFrom?: number): Promise<ServerFrame> {
    return this.say({ type: 'auth', token, ...(resumeFrom === undefined ? {} : { resumeFrom }) });
  }

  subscribe(channelId: string): Promise<ServerFrame> {
    return this.say({ type: 'subscribe', channelId } as Said);
  }

  /** Sends a frame and waits for its `ack`, `ready` or `error`. */
  async say(frame: Said): Promise<ServerFrame> {
    const id = `f${this.nextId++}`;
    this.socket.send(JSON.stringify({ id, ...frame }));
    return this.waitFor(`an answer to ${frame.type}`, (answer) => 'id' in answer && answer.id === id);
  }

  /** The first frame, past or coming, that fits. */
  async waitFor(what: string, fits: (frame: ServerFrame) => boolean, ms = WAIT_MS): Promise<ServerFrame> {
    const end = Date.now() + ms;
    for (;;) {
      const found = this.frames.find(fits);
      if (found) return found;
      if (this.isClosed) throw new Error(`${what}: closed with ${this.isClosed.code} ${this.isClosed.reason}; ${this.summary()}`);
      if (Date.now() >= end) throw new Error(`${what}: not within ${ms} ms; ${this.summary()}`);
      await this.nextChange(end - Date.now());
    }
  }

  /** The first event of this type, past or coming, that fits. */
  async waitForEvent(type: string, fits: (event: LiveEvent) => boolean = () => true, ms = WAIT_MS): Promise<LiveEvent> {
    const frame = await this.waitFor(type, (each) => each.type === 'event' && each.event.type === type && fits(each.event), ms);
    return (frame as EventFrame).event;
  }

  /** How the socket ended; fails when it does not end in time. */
  async waitForClose(ms = WAIT_MS): Promise<Closed> {
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`still open after ${ms} ms`)), ms).unref());
    return Promise.race([this.closed, late]);
  }

  /** The places where `after` is not the seq of the event before: a gap, a repeat or a wrong order. `from`: where the client began. */
  brokenLinks(from: number): string[] {
    let last = from;
    const broken: string[] = [];
    for (const { seq, after } of this.eventFrames) {
      if (after !== last || seq <= last) broken.push(`after ${after} seq ${seq}, expected after ${last}`);
      last = seq;
    }
    return broken;
  }

  /** Reads nothing more from the network. */
  stall(): void {
    this.socket.pause();
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  private summary(): string {
    return `got ${this.frames.map((frame) => (frame.type === 'event' ? frame.event.type : frame.type)).join(' ')}`.slice(0, 500);
  }

  private wake(): void {
    for (const wake of this.waiting) wake();
  }

  private nextChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.max(ms, 0));
      const waiting = this.waiting;
      function done() {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      }
      waiting.add(done);
    });
  }
}

export type Delta = Extract<ServerFrame, { kind: 'delta' }>;
export const isDelta = (frame: ServerFrame): frame is Delta => frame.type === 'live' && frame.kind === 'delta';
export const deltasOf = ({ frames }: LiveClient): Delta[] => frames.filter(isDelta);
/** As a client does it: a delta stands at its offset, and what was there goes. */
export const shownBy = (deltas: readonly Delta[]) => deltas.reduce((shown, { offset, text }) => shown.slice(0, offset) + text, '');
