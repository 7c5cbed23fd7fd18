import { Injectable, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { EventsPage, EventsQuery } from '@atrium/contracts';
import { QuotaExceeded, Unauthenticated } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import type { AtriumRequest, OrgContext } from '@atrium/platform/tenancy';
import { AddressSeats, TRY_AGAIN_SECONDS } from './address-seats.js';
import { RealtimeHub } from './realtime-hub.js';
import { readerOf } from './reader.js';
import { SseOutlet } from './sse-outlet.js';

const HEARTBEAT_MS = 15_000;

/** The event log as a client reads it over HTTP: as a stream, or page by page. */
@Injectable()
export class EventSource {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly seats: AddressSeats,
    private readonly log: Log,
  ) {}

  /** A stream when the request accepts text/event-stream, else a page. */
  answer(ctx: OrgContext, query: EventsQuery, request: AtriumRequest, reply: FastifyReply): Promise<StreamableFile | EventsPage> {
    const accepts = request.headers.accept ?? '';
    return accepts.includes('text/event-stream') ? this.stream(ctx, query, request, reply) : this.page(ctx, query);
  }

  private async page(ctx: OrgContext, { after = 0, limit }: EventsQuery): Promise<EventsPage> {
    const reader = readerOf(ctx);
    if (!reader) throw new Unauthenticated('auth.required', 'Only a person’s token reads events.');
    const stream = await this.hub.open(ctx.orgId);
    const { frames, next } = await stream.page(reader, after, limit);
    return { data: frames.map((frame) => stream.view(reader, frame)), nextAfter: next };
  }

  private async stream(ctx: OrgContext, query: EventsQuery, request: AtriumRequest, reply: FastifyReply): Promise<StreamableFile> {
    const outlet = new SseOutlet(reply.raw);
    const leave = this.seats.take(ctx.ip);
    if (!leave)
      throw new QuotaExceeded('request.rate_limited', 'There are too many live connections of this address. Close one first.', {
        retryAfterSeconds: TRY_AGAIN_SECONDS,
      });
    const { connection, stream } = await this.hub.admit(ctx, outlet).catch((error: unknown) => {
      leave();
      throw error;
    });
    const heartbeat = setInterval(() => outlet.beat(), HEARTBEAT_MS);
    const end = (): void => {
      clearInterval(heartbeat);
      connection.gone();
      leave();
    };
    reply.raw.once('close', end);
    if (reply.raw.destroyed) end();
    // The answer must have begun before a replay can be taken.
    stream.follow(connection, resumePoint(request.headers['last-event-id'], query.after)).catch((error: unknown) => {
      this.log.fault('a stream could not begin', error, { orgId: ctx.orgId });
      connection.gone();
      outlet.cut();
    });
    void reply.header('x-accel-buffering', 'no').header('cache-control', 'no-store, no-transform');
    return new StreamableFile(outlet.body, { type: 'text/event-stream; charset=utf-8' });
  }
}

/** Where to go on: Last-Event-ID before `after`. NaN (which leads to a `reset`) when it is no seq; null when there is neither. */
export function resumePoint(lastEventId: string | string[] | undefined, after: number | undefined): number | null {
  if (typeof lastEventId !== 'string' || lastEventId === '') return after ?? null;
  const seq = /^\d{1,16}$/.test(lastEventId) ? Number(lastEventId) : NaN;
  return Number.isSafeInteger(seq) ? seq : NaN;
}
