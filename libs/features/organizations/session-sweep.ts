import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Upkeep } from '@atrium/platform/db';

/** How long a session that ended is kept, for whoever looks into it. Days. */
const ENDED_SESSION_DAYS = 30;

/** Sessions that ended are removed in time. */
@Injectable()
export class SessionSweep implements OnModuleInit {
  constructor(private readonly upkeep: Upkeep) {}

  onModuleInit(): void {
    this.upkeep.add(
      'ended sessions',
      (tx) =>
        tx.$executeRaw`DELETE FROM sessions WHERE least(expires_at, coalesce(revoked_at, expires_at)) < clock_timestamp() - ${ENDED_SESSION_DAYS} * interval '1 day'`,
    );
  }
}
