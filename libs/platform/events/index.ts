export { canonicalJson } from './canonical.js';
export { type Audience, type EventDraft, type Json, type JsonObject, type LoggedEvent, rightsOf, toLiveEvent } from './event.js';
export { Dispatcher } from './dispatcher.js';
export { Events } from './events.js';
export { EventsModule } from './events.module.js';
export { LogReader } from './log-reader.js';
export { Sealer } from './sealer.js';
export { OnEvent } from './subscribers.js';
export { Verifier } from './verifier.js';
