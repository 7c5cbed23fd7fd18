import { Injectable } from '@nestjs/common';
import type { Me, MyOrganization, Organization, OrgId, Page, PageQuery, Role, Session } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import { decodeCursor, pageOf } from '@atrium/platform/http';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { toOrganization, toUser } from './account.repository.js';

/** What a person may know of their account, sessions and organizations. A key sees only the organization that it belongs to. */
@Injectable()
export class OrganizationsQueries {
  constructor(private readonly db: Db) {}

  me(ctx: OrgContext): Promise<Me> {
    const { principal } = ctx;
    return this.db.asIdentity(async (tx) => {
      const user = await tx.user.findFirst({ where: { id: personOf(ctx) ?? ctx.orgId } });
      const organization = await tx.organization.findFirst({ where: { id: ctx.orgId } });
      if (!user || !organization || principal.kind === 'system') throw notFound();
      return {
        user: toUser(user),
        organization: toOrganization(organization),
        role: principal.role,
        permissions: [...ctx.permissions],
        agentId: principal.kind === 'agent' ? principal.id : null,
      };
    });
  }

  current(ctx: OrgContext): Promise<Organization> {
    return this.db.readInOrg(ctx, async (tx) => {
      const organization = await tx.organization.findFirst({ where: { id: ctx.orgId } });
      if (!organization) throw notFound();
      return toOrganization(organization);
    });
  }

  mine(ctx: OrgContext, query: PageQuery): Promise<Page<MyOrganization>> {
    const after = decodeCursor(query.cursor, ['uuid']);
    return this.db.asIdentity(async (tx) => {
      const rows = await tx.$queryRaw<MyOrganizationRow[]>`
        SELECT o.id, o.name, o.created_at, o.updated_at, m.role, m.suspended_at FROM members m JOIN organizations o ON o.id = m.org_id
        WHERE m.user_id = ${personOf(ctx)}::uuid AND (${onlyOrganization(ctx)}::uuid IS NULL OR o.id = ${onlyOrganization(ctx)}::uuid)
          AND (${after?.[0] ?? null}::uuid IS NULL OR o.id > ${after?.[0] ?? null}::uuid)
        ORDER BY o.id LIMIT ${query.limit + 1}`;
      const page = pageOf(rows, query.limit, (last) => [last.id]);
      return { ...page, data: page.data.map(toMine) };
    });
  }

  /** Newest first; those that are over are not in it. */
  sessions(ctx: OrgContext, query: PageQuery): Promise<Page<Session>> {
    const before = decodeCursor(query.cursor, ['uuid']);
    return this.db.asIdentity(async (tx) => {
      const rows = await tx.$queryRaw<SessionListRow[]>`
        SELECT s.id, s.org_id, s.user_agent, s.ip, s.expires_at, s.created_at, s.updated_at FROM sessions s
        JOIN members m ON m.org_id = s.org_id AND m.user_id = s.user_id AND m.suspended_at IS NULL
        WHERE s.user_id = ${personOf(ctx)}::uuid AND (${onlyOrganization(ctx)}::uuid IS NULL OR s.org_id = ${onlyOrganization(ctx)}::uuid)
          AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND s.rotated_at > clock_timestamp() - interval '7 days'
          AND (${before?.[0] ?? null}::uuid IS NULL OR s.id < ${before?.[0] ?? null}::uuid)
        ORDER BY s.id DESC LIMIT ${query.limit + 1}`;
      const page = pageOf(rows, query.limit, (last) => [last.id]);
      return { ...page, data: page.data.map((row) => toSession(row, ctx.credential?.id ?? null)) };
    });
  }
}

interface MyOrganizationRow {
  id: string;
  name: string;
  created_at: Date;
  updated_at: Date;
  role: string;
  suspended_at: Date | null;
}
interface SessionListRow {
  id: string;
  org_id: string;
  user_agent: string | null;
  ip: string | null;
  expires_at: Date;
  created_at: Date;
  updated_at: Date;
}

const onlyOrganization = (ctx: OrgContext): OrgId | null => (ctx.credential?.kind === 'session' ? null : ctx.orgId);

const toMine = (row: MyOrganizationRow): MyOrganization => ({
  ...toOrganization({ id: row.id, name: row.name, createdAt: row.created_at, updatedAt: row.updated_at }),
  role: row.role as Role,
  suspendedAt: row.suspended_at?.toISOString() ?? null,
});

const toSession = (row: SessionListRow, currentId: string | null): Session => ({
  id: row.id,
  organizationId: row.org_id as OrgId,
  userAgent: row.user_agent,
  ip: row.ip,
  current: row.id === currentId,
  expiresAt: row.expires_at.toISOString(),
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

const notFound = () => new NotFound('organizations.not_found', 'There is no such organization, or you are not in it.');
