import { SetMetadata } from '@nestjs/common';
import type { EventType } from '@atrium/contracts';

export const ON_EVENT = 'atrium:on-event';

export interface Subscription {
  types: EventType[];
  /** Names the subscriber's cursor for ever: `feature.purpose`. */
  name: string;
}

/**
 * Hears committed events of these types: at least once, in order per organization, in one process at a time. The method gets
 * `(ctx: OrgContext of the system, event: LoggedEvent)`, must be idempotent and quick: slow work becomes a durable function whose id is
 * the event's id and the subscriber's name.
 */
export const OnEvent = (name: string, ...types: EventType[]) => SetMetadata(ON_EVENT, { name, types } satisfies Subscription);
