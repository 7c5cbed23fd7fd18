import { Injectable } from '@nestjs/common';
import type { LiveFrame, OrgId } from '@atrium/contracts';
import type { LiveTarget } from './live-target.js';
import type { LiveWatcher } from './live-watcher.js';
import { ProcessLink } from './process-link.js';
import { RealtimeHub } from './realtime-hub.js';

/**
 * The lossy channel: typing, presence, token deltas, read markers. Given at once to the connections of this process and, when there is
 * Redis, to those of others; never stored, never replayed, and dropped first when a client is slow.
 */
@Injectable()
export class LiveBus {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly link: ProcessLink,
  ) {
    hub.onOffline = (orgId, personId) =>
      this.publish(
        orgId,
        { type: 'live', kind: 'presence', principal: { kind: 'user', id: personId }, status: 'offline' },
        { organization: true },
      );
  }

  publish(orgId: OrgId, frame: LiveFrame, target: LiveTarget): void {
    this.hub.deliver(orgId, frame, target);
    this.link.tellFrame(orgId, frame, target);
  }

  /** Lets code of ours hear what is told in the organization, until it calls what this answers. Not inside a transaction. */
  watch(orgId: OrgId, watcher: LiveWatcher): Promise<() => void> {
    return this.hub.watch(orgId, watcher);
  }
}
