import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { LiveFrame } from '@atrium/contracts';
import { NotFound, QuotaExceeded } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import { FrameHandlers } from './frame-handlers.js';
import { LiveBus } from './live-bus.js';
import type { Seat } from './realtime-hub.js';

const MAX_SUBSCRIPTIONS = 500;

/** The frames that are realtime's own: what a client wants to hear of the lossy channel, and what it says there. */
@Injectable()
export class OwnFrames implements OnModuleInit {
  constructor(
    private readonly handlers: FrameHandlers,
    private readonly bus: LiveBus,
  ) {}

  onModuleInit(): void {
    this.handlers.register('subscribe', {
      permission: 'channels:read',
      handle: async (_ctx, { channelId }, seat) => {
        assertReadable(seat, channelId);
        const { subscriptions } = seat.connection;
        if (subscriptions.size >= MAX_SUBSCRIPTIONS)
          throw new QuotaExceeded('request.rate_limited', `At most ${MAX_SUBSCRIPTIONS} subscriptions.`);
        subscriptions.add(channelId);
        return {};
      },
    });
    this.handlers.register('unsubscribe', {
      permission: 'channels:read',
      handle: async (_ctx, { channelId }, { connection }) => {
        connection.subscriptions.delete(channelId);
        return {};
      },
    });
    this.handlers.register('typing', {
      permission: 'messages:write',
      handle: async (ctx, { channelId }, seat) => {
        assertReadable(seat, channelId);
        this.bus.publish(ctx.orgId, { type: 'live', kind: 'typing', channelId, principal: principalOf(ctx) }, { channelId });
        return {};
      },
    });
    this.handlers.register('presence', {
      permission: 'events:read',
      handle: async (ctx, { status }, seat) => {
        seat.connection.presence = status;
        const frame: LiveFrame = { type: 'live', kind: 'presence', principal: principalOf(ctx), status };
        if (seat.connection.who.role !== 'guest') this.bus.publish(ctx.orgId, frame, { organization: true });
        return {};
      },
    });
  }
}

/** A channel that one may not read is answered like one that does not exist. */
function assertReadable({ connection, stream }: Seat, channelId: string): void {
  if (!stream.mayReadChannel(connection.who, channelId)) {
    throw new NotFound('chat.channel_not_found', 'There is no such channel, or you may not read it.');
  }
}

/** Who says so: the person, or the agent with a key of its own. */
function principalOf({ principal }: OrgContext): { kind: string; id: string } {
  if (principal.kind === 'system') throw new Error('the system has no presence');
  return { kind: principal.kind, id: principal.id };
}
