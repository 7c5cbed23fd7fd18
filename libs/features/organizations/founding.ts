import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Organization, OrgId, UserId } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import type { Caller } from '@atrium/platform/tenancy';
import { toOrganization } from './account.repository.js';
import { newcomerContext } from './newcomer.js';
import type { Registration } from './registration.js';

export interface Founder {
  readonly id: UserId;
  readonly email: string;
  readonly displayName: string;
}

/** Makes organizations, with their log and their first owner. */
@Injectable()
export class Founding {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  get registration(): Registration {
    return this.config.REGISTRATION;
  }

  /**
   * The id that the organization of somebody without one will have: the same for parallel calls, so that only one can found it. Null when
   * the person is in an organization by now.
   */
  plannedFor(userId: UserId): Promise<OrgId | null> {
    return this.db.asIdentity(async (tx) => {
      const [person] = await tx.$queryRaw<{ planned: string | null }[]>`
        SELECT last_organization_id AS planned FROM users WHERE id = ${userId}::uuid FOR NO KEY UPDATE`;
      const planned = person?.planned ?? null;
      const isFounded = planned !== null && (await tx.organization.findFirst({ where: { id: planned }, select: { id: true } })) !== null;
      // After the look at the organization: whoever founded it meanwhile is a member of it by now.
      if (await tx.member.findFirst({ where: { userId }, select: { userId: true } })) return null;
      if (planned !== null && !isFounded) return planned as OrgId;
      const orgId = uuidv7() as OrgId;
      await tx.$executeRaw`UPDATE users SET last_organization_id = ${orgId}::uuid WHERE id = ${userId}::uuid`;
      return orgId;
    });
  }

  /** One transaction in the new organization. A unique violation means that it exists. */
  found(caller: Caller, founder: Founder, orgId: OrgId, name: string): Promise<Organization> {
    const ctx = newcomerContext(caller, orgId, founder.id, 'owner');
    return this.db.inOrg(ctx, async (tx) => {
      await tx.$executeRaw`INSERT INTO organizations (id, name) VALUES (${orgId}::uuid, ${name})`;
      await this.events.open(tx, ctx);
      await tx.$executeRaw`INSERT INTO members (org_id, user_id, email, display_name, role)
        VALUES (${orgId}::uuid, ${founder.id}::uuid, ${founder.email}, ${founder.displayName}, 'owner')`;
      const organization = await tx.organization.findFirstOrThrow({ where: { id: orgId } });
      await this.events.appendMany(tx, ctx, [
        { type: 'organizations.created', subject: { kind: 'organization', id: orgId }, audience: 'organization', text: { name } },
        {
          type: 'organizations.member_added',
          subject: { kind: 'user', id: founder.id },
          audience: 'organization',
          data: { userId: founder.id, role: 'owner' },
          text: { displayName: founder.displayName },
        },
      ]);
      return toOrganization(organization);
    });
  }
}
