import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Upkeep } from '@atrium/platform/db';

/** How long an invitation that was accepted or has expired is kept, for whoever looks into it. Days. */
const ENDED_INVITATION_DAYS = 30;

/** Invitations that ended are removed in time. */
@Injectable()
export class InvitationSweep implements OnModuleInit {
  constructor(private readonly upkeep: Upkeep) {}

  onModuleInit(): void {
    this.upkeep.add(
      'ended invitations',
      (tx) => tx.$executeRaw`
        WITH gone AS (
          DELETE FROM invitations
          WHERE least(expires_at, coalesce(accepted_at, expires_at)) < clock_timestamp() - ${ENDED_INVITATION_DAYS} * interval '1 day'
          RETURNING org_id, id
        )
        DELETE FROM invitation_lookups l USING gone WHERE l.org_id = gone.org_id AND l.invitation_id = gone.id`,
    );
  }
}
