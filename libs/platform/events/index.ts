export { type Audience, type EventDraft, type Json, type JsonObject, type LoggedEvent, toLiveEvent } from './event.js';
export { Events } from './events.js';
