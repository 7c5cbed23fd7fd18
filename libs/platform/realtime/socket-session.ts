import { v7 as uuidv7 } from 'uuid';
import type { WebSocket } from 'ws';
import { ClientFrame, judged, MAX_ISSUE_TEXT, type Problem } from '@atrium/contracts';
import { DomainError, Forbidden, Invalid, NotFound, QuotaExceeded, toProblem, Unauthenticated } from '@atrium/platform/errors';
import type { RequestLimits } from '@atrium/platform/http';
import type { Log } from '@atrium/platform/observability';
import { assertPermission, type Authenticator, type Caller } from '@atrium/platform/tenancy';
import { CLOSE } from './connection.js';
import type { FrameHandlers, FrameType } from './frame-handlers.js';
import type { RealtimeHub, Seat } from './realtime-hub.js';
import { SocketOutlet } from './socket-outlet.js';
import { TokenBucket } from './token-bucket.js';

/** How long a client may take to authenticate. Milliseconds. */
const AUTH_MS = 10_000;
const FRAMES_PER_SECOND = 50;
const FRAMES_AT_ONCE = 100;
/** Frames that are no frames, until the socket is closed. */
const MAX_BAD_FRAMES = 20;
/** Frames above the rate, until the socket is closed. */
const MAX_REFUSED_FRAMES = 200;

/** Frames that do what a request does, and are counted as one. */
const COUNTED: ReadonlySet<FrameType> = new Set<FrameType>(['message.post']);

const KNOWN_TYPES: ReadonlySet<unknown> = new Set(ClientFrame.options.map((option) => option.shape.type.value));

export interface SocketServices {
  hub: RealtimeHub;
  authenticator: Authenticator;
  handlers: FrameHandlers;
  limits: RequestLimits;
  log: Log;
}

/** One WebSocket from its upgrade to its end: reads frames one after the other, answers each with `ack`, `ready` or `error`. */
export class SocketSession {
  /** Whether the peer has answered the last ping. */
  private alive = true;
  private seat: Seat | null = null;
  private readonly outlet: SocketOutlet;
  private readonly bucket = new TokenBucket(FRAMES_PER_SECOND, FRAMES_AT_ONCE);
  private readonly authTimer: NodeJS.Timeout;
  private work: Promise<void> = Promise.resolve();
  private waiting = 0;
  private badFrames = 0;
  private refusedFrames = 0;
  private closed = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly from: Pick<Caller, 'ip' | 'userAgent'>,
    private readonly services: SocketServices,
  ) {
    this.outlet = new SocketOutlet(socket);
    this.authTimer = setTimeout(() => this.close(CLOSE.unauthenticated, 'no auth frame came'), AUTH_MS);
    socket.on('message', (data: Buffer, isBinary) => this.receive(isBinary ? null : data.toString('utf8')));
    socket.on('pong', () => (this.alive = true));
    socket.on('error', () => undefined);
    socket.on('close', () => this.onClose());
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    if (this.seat) this.seat.connection.close(code, reason);
    else this.outlet.close(code, reason);
    this.onClose();
  }

  /** Cuts a peer that did not answer the last ping, else asks again. */
  ping(): void {
    if (!this.alive) return this.socket.terminate();
    this.alive = false;
    this.socket.ping(() => undefined);
  }

  private onClose(): void {
    this.closed = true;
    clearTimeout(this.authTimer);
    this.seat?.connection.gone();
  }

  private receive(text: string | null): void {
    if (this.closed || this.seat?.connection.ended) return;
    const { value, id } = readJson(text);
    if (!this.bucket.take() || this.waiting >= FRAMES_AT_ONCE) return this.refuse(id);
    const parsed = judged(ClientFrame, value);
    if (!parsed.success) return this.reject(id, faultOf(value, parsed.error.issues));
    this.waiting += 1;
    this.work = this.work.then(() => this.handle(parsed.data)).finally(() => (this.waiting -= 1));
  }

  private refuse(id: string | null): void {
    this.sendError(id, new QuotaExceeded('request.rate_limited', `At most ${FRAMES_PER_SECOND} frames per second.`));
    this.refusedFrames += 1;
    if (this.refusedFrames >= MAX_REFUSED_FRAMES) this.close(CLOSE.tooMany, 'too many frames');
  }

  private reject(id: string | null, error: DomainError): void {
    this.sendError(id, error);
    this.badFrames += 1;
    if (this.badFrames >= MAX_BAD_FRAMES) this.close(CLOSE.badFrames, 'too many bad frames');
  }

  private async handle(frame: ClientFrame): Promise<void> {
    if (this.closed) return;
    try {
      if (frame.type === 'auth') await this.authenticate(frame);
      else if (!this.seat) this.reject(frame.id, new Unauthenticated('realtime.not_authenticated', 'The first frame must be "auth".'));
      else await this.answer(frame, this.seat);
    } catch (error) {
      if (!(error instanceof DomainError)) this.services.log.fault('a frame failed', error, { kind: frame.type });
      this.sendError(frame.id, error);
      if (frame.type === 'auth' && !this.seat) this.close(closeCodeOf(error), 'not admitted');
    }
  }

  private async answer(frame: Exclude<ClientFrame, { type: 'auth' }>, seat: Seat): Promise<void> {
    const handler = this.services.handlers.find(frame.type);
    if (!handler) throw new NotFound('realtime.unknown_frame', 'There is no such frame.');
    const ctx = Object.freeze({ ...seat.connection.ctx, requestId: uuidv7(), idempotency: null });
    assertPermission(ctx, handler.permission);
    if (COUNTED.has(frame.type)) await this.services.limits.count(ctx);
    const result = await handler.handle(ctx, frame, seat);
    this.send(JSON.stringify({ type: 'ack', id: frame.id, result: result ?? null }));
  }

  private async authenticate({ id, token, resumeFrom }: Extract<ClientFrame, { type: 'auth' }>): Promise<void> {
    const { authenticator, hub } = this.services;
    const caller: Caller = { ...this.from, requestId: uuidv7(), idempotency: null, ifMatch: null };
    const ctx = await authenticator.authenticate(token, caller);
    assertPermission(ctx, 'events:read');
    if (this.closed) return;
    if (!this.seat) {
      const seat = await hub.admit(ctx, this.outlet);
      if (this.closed) return seat.connection.gone();
      this.seat = seat;
      clearTimeout(this.authTimer);
      return seat.stream.follow(seat.connection, resumeFrom ?? null, id);
    }
    const { connection, stream } = this.seat;
    const { orgId, principal } = connection.ctx;
    if (ctx.orgId !== orgId || ctx.principal.id !== principal.id || ctx.principal.kind !== principal.kind) {
      throw new Forbidden('auth.invalid_token', 'A socket stays with its person and organization. Open another one.', { status: 401 });
    }
    connection.become(ctx);
    connection.announce(stream.head, id, false);
  }

  private sendError(id: string | null, error: unknown): void {
    const problem: Problem = toProblem(error, { instance: '/v1/socket', requestId: uuidv7() });
    const retryAfterSeconds = error instanceof DomainError ? error.options.retryAfterSeconds : undefined;
    this.send(JSON.stringify({ type: 'error', id, problem, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }));
  }

  private send(frame: string): void {
    if (this.seat) this.seat.connection.send(frame, 'answer');
    else if (!this.closed) this.outlet.send(frame);
  }
}

function closeCodeOf(error: unknown): number {
  if (error instanceof QuotaExceeded) return CLOSE.tooMany;
  return error instanceof Unauthenticated || error instanceof Forbidden ? CLOSE.unauthenticated : 1013;
}

function readJson(text: string | null): { value: unknown; id: string | null } {
  try {
    const value: unknown = JSON.parse(text ?? '');
    const id: unknown = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : null;
    return { value, id: typeof id === 'string' && /^[^\n\t\0]{1,64}$/.test(id) ? id : null };
  } catch {
    return { value: undefined, id: null };
  }
}

function faultOf(value: unknown, issues: readonly { path: PropertyKey[]; message: string }[]): DomainError {
  if (typeof value !== 'object' || value === null) return new Invalid('request.malformed', 'A frame is one JSON object as text.');
  if (!KNOWN_TYPES.has((value as { type?: unknown }).type)) return new Invalid('realtime.unknown_frame', 'There is no such frame.');
  const places = issues.slice(0, 10).map(({ path, message }) => ({
    pointer: path.map((part) => `/${String(part).slice(0, 100)}`).join(''),
    message: message.slice(0, MAX_ISSUE_TEXT),
  }));
  return new Invalid('request.invalid', 'The frame does not have the documented form.', { places });
}
