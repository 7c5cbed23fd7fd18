import { Injectable } from '@nestjs/common';
import type {
  Page,
  PageQuery,
  Pattern,
  PatternId,
  PatternsQuery,
  PatternUsage,
  PatternUsagesQuery,
  SuggestedPatterns,
  SuggestPatterns,
} from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { mayRead, ReaderGrants, Retrieval } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toPattern, toUsage } from './pattern.js';
import { worth } from './pattern-rate.js';
import { PatternRepository } from './pattern.repository.js';

/** How many patterns that fit are weighed by how well they worked. */
const MAX_WEIGHED = 100;

/** The reads on learning patterns: what one may not see is answered like what does not exist. */
@Injectable()
export class PatternsQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly retrieval: Retrieval,
    private readonly patterns: PatternRepository,
  ) {}

  async list(ctx: OrgContext, { limit, cursor, tag, status, authorId, sort }: PatternsQuery): Promise<Page<Pattern>> {
    const isBest = sort === 'best';
    const best = isBest ? decodeCursor(cursor, ['int', 'uuid']) : null;
    const newest = isBest ? null : decodeCursor(cursor, ['uuid']);
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await tx.pattern.findMany({
        where: {
          orgId: ctx.orgId,
          readers: { hasSome: grants.toArray() },
          ...(tag === undefined ? {} : { tags: { has: tag } }),
          ...(status === undefined ? {} : { status }),
          ...(authorId === undefined ? {} : { createdById: authorId }),
          ...(newest ? { id: { lt: newest[0] } } : {}),
          ...(best ? { OR: [{ confidence: { lt: best[0] } }, { confidence: best[0], id: { lt: best[1] } }] } : {}),
        },
        orderBy: isBest ? [{ confidence: 'desc' }, { id: 'desc' }] : { id: 'desc' },
        take: limit + 1,
      });
      const { data, nextCursor } = pageOf(rows, limit, (last) => (isBest ? [last.confidence, last.id] : [last.id]));
      return listed({ data: data.map(toPattern), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `memory.pattern_not_found` */
  async get(ctx: OrgContext, id: PatternId): Promise<Pattern> {
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => toPattern(await this.patterns.get(tx, ctx, grants, id)));
  }

  /** Newest first, of the newest 1,000. @throws NotFound `memory.pattern_not_found` */
  async usages(ctx: OrgContext, patternId: PatternId, { limit, cursor }: PageQuery): Promise<Page<PatternUsage>> {
    const before = decodeCursor(cursor, ['uuid'])?.[0];
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      await this.patterns.get(tx, ctx, grants, patternId);
      const rows = await tx.patternUsage.findMany({
        where: { orgId: ctx.orgId, patternId, ...(before === undefined ? {} : { id: { lt: before } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      });
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.id]);
      return listed({ data: data.map(toUsage), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** What somebody used, the last first. */
  async used(ctx: OrgContext, { limit, cursor, usedById, outcome }: PatternUsagesQuery): Promise<Page<PatternUsage>> {
    const before = decodeCursor(cursor, ['time', 'uuid']);
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const by = usedById ?? ctx.principal.id;
      const rows = await this.patterns.usedBy(tx, ctx, grants, by, { outcome, before, limit: limit + 1 });
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.usedAt.toISOString(), last.id]);
      return listed({ data: data.map(toUsage), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** The best first: patterns whose situation is like this one, weighed by how well they worked. Demoted and archived ones are left out. */
  async suggest(ctx: OrgContext, { situation, tags = [], limit }: SuggestPatterns): Promise<SuggestedPatterns> {
    const grants = await this.readers.of(ctx);
    const passages = await this.retrieval.search(ctx, grants, { query: situation, kinds: ['pattern'], limit: MAX_WEIGHED, once: true });
    if (passages.length === 0) return { data: [] };
    const fits = new Map(passages.map(({ subjectId, score }) => [subjectId, score]));
    const rows = await this.db.readInOrg(ctx, (tx) => this.patterns.findMany(tx, ctx, [...fits.keys()]));
    const data = rows
      .filter((row) => row.status === 'active' && mayRead(row, grants) && tags.every((tag) => row.tags.includes(tag)))
      .map((row) => ({ ...toPattern(row), score: (fits.get(row.id) ?? 0) * worth(row.successes, row.usages) }))
      .sort((a, b) => b.score - a.score || (a.id < b.id ? 1 : -1));
    return { data: data.slice(0, limit) };
  }
}
