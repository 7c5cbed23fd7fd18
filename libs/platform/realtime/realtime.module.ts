import { Global, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { RedisModule } from '@atrium/platform/redis';
import { AddressSeats } from './address-seats.js';
import { AudienceResolvers } from './audience.js';
import { EventCarrier } from './event-carrier.js';
import { EventSource } from './event-source.service.js';
import { EventsController } from './events.controller.js';
import { FrameHandlers } from './frame-handlers.js';
import { LiveBus } from './live-bus.js';
import { OwnFrames } from './own-frames.js';
import { ProcessLink } from './process-link.js';
import { RealtimeHub } from './realtime-hub.js';
import { SocketServer } from './socket-server.js';
import { TicketMiddleware, Tickets } from './tickets.js';

/** Live delivery. Needs Authenticator, Revocations, Db, Events, Log, Metrics and the settings from elsewhere. */
@Global()
@Module({
  imports: [RedisModule],
  controllers: [EventsController],
  providers: [
    AddressSeats,
    AudienceResolvers,
    FrameHandlers,
    RealtimeHub,
    ProcessLink,
    LiveBus,
    EventCarrier,
    OwnFrames,
    SocketServer,
    Tickets,
    EventSource,
  ],
  exports: [AudienceResolvers, FrameHandlers, RealtimeHub, LiveBus],
})
export class RealtimeModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TicketMiddleware).forRoutes(EventsController);
  }
}
