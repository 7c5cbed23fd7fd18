import { Injectable } from '@nestjs/common';
import type { EventType } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events, type JsonObject } from '@atrium/platform/events';
import { type Caller, INSTANCE_ORG, systemContext } from '@atrium/platform/tenancy';

type InstanceEvent = Extract<EventType, `instance.${string}`>;

/** The log of what belongs to no organization: sign-ins and their like. It holds no e-mail addresses. */
@Injectable()
export class InstanceLog {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
  ) {}

  /** `userId` null: nobody that we know. */
  async tell(caller: Pick<Caller, 'requestId' | 'ip'>, type: InstanceEvent, userId: string | null, data: JsonObject = {}): Promise<void> {
    const ctx = Object.freeze({ ...systemContext(INSTANCE_ORG, caller.requestId), ip: caller.ip });
    const subject = userId === null ? { kind: 'instance', id: INSTANCE_ORG } : { kind: 'user', id: userId };
    await this.db.inOrg(ctx, (tx) => this.events.append(tx, ctx, { type, subject, audience: 'nobody', data }));
  }
}
