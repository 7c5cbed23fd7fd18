import { Injectable } from '@nestjs/common';
import type { MemoriesQuery, Memory, MemoryEntry, MemoryId, MemorySearchResult, Page, PageQuery, SearchMemories } from '@atrium/contracts';
import { Db, type Prisma, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type GrantSet, mayRead, ReaderGrants, Retrieval } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { holdsAt } from './contradiction.js';
import { EntryRepository } from './entry.repository.js';
import { foldFact } from './fact.js';
import { endOf, type MemoryRow, toMemory } from './memory.js';
import { MemoryRepository } from './memory.repository.js';
import { nameKey } from './namespace.js';
import { NamespaceRepository } from './namespace.repository.js';

/** How many matches are looked at when tags decide which of them count. */
const MAX_TAGGED = 500;

/** The reads on memories: what one may not see is answered like what does not exist. */
@Injectable()
export class MemoriesQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly retrieval: Retrieval,
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
    private readonly entries: EntryRepository,
  ) {}

  /** Newest first. */
  async list(ctx: OrgContext, { limit, cursor, namespace, ...filters }: MemoriesQuery): Promise<Page<Memory>> {
    const after = decodeCursor(cursor, ['time', 'uuid']);
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const space = namespace === undefined ? undefined : await this.namespaceId(tx, ctx, grants, namespace);
      const conditions = [...conditionsOf(grants, filters), ...(after ? [olderThan(new Date(after[0]), after[1])] : [])];
      const rows =
        space === null
          ? []
          : await tx.memory.findMany({
              where: { orgId: ctx.orgId, ...(space === undefined ? {} : { namespaceId: space }), AND: conditions },
              orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
              take: limit + 1,
            });
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.createdAt.toISOString(), last.id]);
      return listed({ data: await this.show(tx, ctx, data), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `memory.not_found` */
  async get(ctx: OrgContext, id: MemoryId): Promise<Memory> {
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const row = await this.memories.get(tx, ctx, grants, id);
      return toMemory(row, (await this.namespaces.names(tx, ctx, [row.namespaceId])).get(row.namespaceId) ?? '');
    });
  }

  /** The best first, of what held at `asOf`, by default of what holds now. A namespace that one cannot see holds nothing. */
  async search(ctx: OrgContext, { query, namespaces, tags = [], asOf, limit }: SearchMemories): Promise<MemorySearchResult> {
    const grants = await this.readers.of(ctx);
    const at = asOf === undefined ? new Date() : new Date(asOf);
    const spaces = namespaces ? await this.namespaceIds(ctx, grants, namespaces) : null;
    if (spaces?.length === 0) return { data: [] };
    const passages = await this.retrieval.search(ctx, grants, {
      query,
      kinds: ['memory'],
      limit: tags.length > 0 ? MAX_TAGGED : limit,
      once: true,
      asOf: at,
      ...(spaces ? { filters: { namespaceIds: spaces } } : {}),
    });
    if (passages.length === 0) return { data: [] };
    const ids = passages.map((passage) => passage.subjectId);
    const found = await this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.memories.findMany(tx, ctx, ids);
      const isIn = (row: MemoryRow) => spaces === null || spaces.includes(row.namespaceId);
      const hasTags = (row: MemoryRow) => tags.every((tag) => row.tags.includes(tag));
      const counts = rows.filter((row) => mayRead(row, grants) && isAt(row, at) && isIn(row) && hasTags(row));
      return new Map((await this.show(tx, ctx, counts)).map((memory) => [memory.id as string, memory]));
    });
    const hits = passages.flatMap(({ subjectId, score }) => {
      const memory = found.get(subjectId);
      return memory ? [{ ...memory, score }] : [];
    });
    return { data: hits.slice(0, limit) };
  }

  /** What became of the fact, oldest first: of this memory and of the readable ones before and after it. @throws NotFound `memory.not_found` */
  async history(ctx: OrgContext, id: MemoryId, { limit, cursor }: PageQuery): Promise<Page<MemoryEntry>> {
    const after = decodeCursor(cursor, ['uuid'])?.[0];
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      await this.memories.get(tx, ctx, grants, id);
      const chain = await this.memories.findMany(tx, ctx, await this.memories.chain(tx, ctx, id));
      const readable = chain.filter((row) => mayRead(row, grants)).map((row) => row.id);
      const rows = await this.entries.list(tx, ctx, readable, after, limit + 1);
      return listed(
        pageOf(rows, limit, (last) => [last.id]),
        await this.events.head(tx, ctx),
      );
    });
  }

  private async namespaceId(tx: Tx, ctx: OrgContext, grants: GrantSet, name: string): Promise<string | null> {
    return (await this.namespaces.resolve(tx, ctx, grants, [name])).get(nameKey(name))?.id ?? null;
  }

  private namespaceIds(ctx: OrgContext, grants: GrantSet, names: readonly string[]): Promise<string[]> {
    return this.db.readInOrg(ctx, async (tx) => [...(await this.namespaces.resolve(tx, ctx, grants, names)).values()].map((row) => row.id));
  }

  private async show(tx: Tx, ctx: OrgContext, rows: readonly MemoryRow[]): Promise<Memory[]> {
    const names = await this.namespaces.names(
      tx,
      ctx,
      rows.map((row) => row.namespaceId),
    );
    return rows.map((row) => toMemory(row, names.get(row.namespaceId) ?? ''));
  }
}

const isAt = (row: MemoryRow, at: Date) => holdsAt({ validFrom: row.validFrom, validTo: endOf(row) }, at);

function conditionsOf(
  grants: GrantSet,
  { tag, subject, predicate, includeRetired = false }: Omit<MemoriesQuery, 'limit' | 'cursor' | 'namespace'>,
): Prisma.MemoryWhereInput[] {
  const now = new Date();
  return [
    { readers: { hasSome: grants.toArray() } },
    ...(tag === undefined ? [] : [{ tags: { has: tag } }]),
    ...(subject === undefined ? [] : [{ OR: [{ subjectKey: foldFact(subject) }, { subject }] }]),
    ...(predicate === undefined ? [] : [{ OR: [{ predicateKey: foldFact(predicate) }, { predicate }] }]),
    ...(includeRetired
      ? []
      : [
          { validFrom: { lte: now } },
          { OR: [{ validTo: null }, { validTo: { gt: now } }] },
          { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
        ]),
  ];
}

const olderThan = (createdAt: Date, id: string) => ({ OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] });
