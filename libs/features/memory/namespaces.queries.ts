import { Injectable } from '@nestjs/common';
import type { Namespace, NamespaceId, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { toNamespace } from './namespace.js';
import { NamespaceRepository } from './namespace.repository.js';

@Injectable()
export class NamespacesQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly namespaces: NamespaceRepository,
  ) {}

  /** Oldest first. */
  async list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<Namespace>> {
    const after = decodeCursor(cursor, ['uuid'])?.[0];
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.namespaces.list(tx, ctx, grants, after, limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.id]);
      return listed({ data: data.map(toNamespace), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `memory.namespace_not_found` */
  async get(ctx: OrgContext, id: NamespaceId): Promise<Namespace> {
    const grants = await this.readers.of(ctx);
    return this.db.readInOrg(ctx, async (tx) => toNamespace(await this.namespaces.get(tx, ctx, grants, id)));
  }
}
