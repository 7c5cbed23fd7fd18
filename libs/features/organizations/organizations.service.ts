import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { CreateOrganization, MyOrganization, Organization, OrgId, PatchOrganization } from '@atrium/contracts';
import { Db, isUniqueViolation } from '@atrium/platform/db';
import { Forbidden, NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toOrganization } from './account.repository.js';
import { Founding } from './founding.js';
import { assertMayFound } from './registration.js';
import { assertSignedIn } from './signed-in.js';

/** The most organizations that a person can be in and still found another. */
const MAX_ORGANIZATIONS = 100;

@Injectable()
export class OrganizationsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly founding: Founding,
  ) {}

  /**
   * Another organization of the person, who becomes its owner; the session stays where it is (`switch` opens one there).
   * @throws Forbidden `auth.registration_closed`, QuotaExceeded `organizations.limit_reached`
   */
  async create(ctx: OrgContext, input: CreateOrganization): Promise<MyOrganization> {
    const userId = assertSignedIn(ctx);
    assertMayFound(this.founding.registration, false);
    const { orgId, email, displayName } = await this.db.asIdentity(async (tx) => {
      const user = await tx.user.findFirst({ where: { id: userId } });
      if (!user) throw new Forbidden('auth.no_membership', 'The account is gone.');
      if ((await tx.member.count({ where: { userId } })) >= MAX_ORGANIZATIONS) {
        throw new QuotaExceeded('organizations.limit_reached', `A person can be in ${MAX_ORGANIZATIONS} organizations.`, {
          retryable: false,
        });
      }
      return { orgId: uuidv7() as OrgId, email: user.email, displayName: user.displayName };
    }, ctx);
    const founder = { id: userId, email, displayName };
    // Another try with the same Idempotency-Key, before or beside this one, may have made it.
    const organization =
      (ctx.idempotency?.replayed ? await this.find(orgId) : null) ??
      (await this.founding.found(ctx, founder, orgId, input.name).catch(async (error: unknown) => {
        const made = isUniqueViolation(error) ? await this.find(orgId) : null;
        if (!made) throw error;
        return made;
      }));
    return { ...organization, role: 'owner', suspendedAt: null };
  }

  /** @throws Conflict `request.precondition_failed` */
  rename(ctx: OrgContext, input: PatchOrganization): Promise<Organization> {
    return this.db.inOrg(ctx, async (tx) => {
      await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${ctx.orgId}::uuid FOR NO KEY UPDATE`;
      const before = await tx.organization.findFirst({ where: { id: ctx.orgId } });
      if (!before) throw new NotFound('organizations.not_found', 'There is no such organization, or you are not in it.');
      assertUnchanged(ctx, before);
      if (before.name === input.name) return toOrganization(before);
      await tx.$executeRaw`UPDATE organizations SET name = ${input.name}, updated_at = clock_timestamp() WHERE id = ${ctx.orgId}::uuid`;
      const after = await tx.organization.findFirstOrThrow({ where: { id: ctx.orgId } });
      await this.events.append(tx, ctx, {
        type: 'organizations.renamed',
        subject: { kind: 'organization', id: ctx.orgId },
        audience: 'organization',
        text: { name: input.name },
        changes: { name: ['[text]', '[text]'] },
      });
      return toOrganization(after);
    });
  }

  private async find(orgId: OrgId): Promise<Organization | null> {
    const found = await this.db.readInOrg({ orgId }, (tx) => tx.organization.findFirst({ where: { id: orgId } }));
    return found ? toOrganization(found) : null;
  }
}
