import { Injectable } from '@nestjs/common';
import type { ModelUsage, ModelUsageQuery, Page } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Invalid } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { CallRepository } from './call.repository.js';

const DAY_MS = 86_400_000;
const MAX_DAYS = 366;

/** What models were used for. */
@Injectable()
export class UsageQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly calls: CallRepository,
  ) {}

  /** Of everybody, in the order of the keys. @throws Invalid `request.invalid` for days that are no range */
  list(ctx: OrgContext, query: ModelUsageQuery): Promise<Page<ModelUsage>> {
    return this.sums(ctx, query, null);
  }

  /** What models did for the caller, or for whom the caller acts. @throws Invalid `request.invalid` for days that are no range */
  own(ctx: OrgContext, query: ModelUsageQuery): Promise<Page<ModelUsage>> {
    const personId = personOf(ctx);
    if (personId === null) throw new Error('the system has no usage of its own');
    return this.sums(ctx, query, personId);
  }

  private sums(ctx: OrgContext, { by, limit, cursor, ...days }: ModelUsageQuery, personId: string | null): Promise<Page<ModelUsage>> {
    const after = decodeCursor(cursor, ['string'])?.[0] ?? null;
    const range = { by, personId, ...rangeOf(days, new Date()) };
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.calls.usage(tx, ctx, range, after, limit + 1);
      return listed(
        pageOf(rows, limit, (last) => [last.key]),
        await this.events.head(tx, ctx),
      );
    });
  }
}

function rangeOf({ from, to }: Pick<ModelUsageQuery, 'from' | 'to'>, now: Date): { from: Date; until: Date } {
  const today = now.toISOString().slice(0, 10);
  const first = new Date(from ?? `${(to ?? today).slice(0, 7)}-01`);
  const until = new Date(new Date(to ?? (from !== undefined && from > today ? from : today)).getTime() + DAY_MS);
  const days = (until.getTime() - first.getTime()) / DAY_MS;
  if (days >= 1 && days <= MAX_DAYS) return { from: first, until };
  throw new Invalid('request.invalid', `The days from “from” to “to” must be 1 to ${MAX_DAYS}.`, {
    places: [{ pointer: '?from', message: 'must be at most 366 days before to, and not after it' }],
  });
}
