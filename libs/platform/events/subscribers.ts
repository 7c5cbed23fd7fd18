import { SetMetadata } from '@nestjs/common';
import type { EventType } from '@atrium/contracts';
import type { LoggedEvent } from './event.js';

export const ON_EVENT = 'atrium:on-event';

export interface Subscription {
  /** Names the subscriber's cursor for ever: `feature.purpose`. */
  name: string;
  types: readonly EventType[];
  /** Which of them; by the event alone, so that nothing is asked for the others. */
  only?: (event: LoggedEvent) => boolean;
}

/**
 * Hears committed events of these types: at least once, in order per organization, in one process at a time. The method gets
 * `(ctx: OrgContext of the system, event: LoggedEvent)`, must be idempotent and quick: slow work becomes a durable function whose id is
 * the event's id and the subscriber's name. An event that fails eight times, or ends the process as often, is set aside in event_failures.
 * One that failed is tried again from there, later than what followed it and beside it, until it is heard: act on what holds now, not on
 * what the event found.
 */
export const OnEvent = (name: string, types: EventType | readonly EventType[], only?: Subscription['only']) =>
  SetMetadata(ON_EVENT, { name, types: [types].flat(), ...(only && { only }) } satisfies Subscription);
