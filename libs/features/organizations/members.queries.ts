import { Injectable } from '@nestjs/common';
import type { Member, Page, PageQuery, UserId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { getMember, toMember } from './member.repository.js';

@Injectable()
export class MembersQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
  ) {}

  list(ctx: OrgContext, query: PageQuery): Promise<Page<Member>> {
    const after = decodeCursor(query.cursor, ['uuid']);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await tx.member.findMany({
        where: { orgId: ctx.orgId, ...(after ? { userId: { gt: after[0] } } : {}) },
        orderBy: { userId: 'asc' },
        take: query.limit + 1,
      });
      const page = pageOf(rows, query.limit, (last) => [last.userId]);
      return listed({ ...page, data: page.data.map(toMember) }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `organizations.member_not_found` */
  get(ctx: OrgContext, userId: UserId): Promise<Member> {
    return this.db.readInOrg(ctx, async (tx) => toMember(await getMember(tx, ctx.orgId, userId)));
  }
}
