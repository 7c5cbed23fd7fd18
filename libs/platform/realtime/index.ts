export { applyChannelEvent, type AudienceResolver, AudienceResolvers, type ChannelEventData, type Rights, memberKey } from './audience.js';
export { type FrameHandler, FrameHandlers } from './frame-handlers.js';
export { LiveBus } from './live-bus.js';
export type { LiveTarget } from './live-target.js';
export type { LiveWatcher } from './live-watcher.js';
export { RealtimeHub } from './realtime-hub.js';
export { RealtimeModule } from './realtime.module.js';
