import { Injectable } from '@nestjs/common';
import type { ModelProvider, ModelProviderId, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type ProviderRow, toProvider } from './provider.js';
import { ProviderKeys } from './provider-keys.js';
import { ProviderRepository } from './provider.repository.js';

@Injectable()
export class ProvidersQueries {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly providers: ProviderRepository,
    private readonly keys: ProviderKeys,
  ) {}

  /** In the order in which they are asked. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<ModelProvider>> {
    const after = decodeCursor(cursor, ['int', 'uuid']);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.providers.list(tx, ctx, after, limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.position, last.id]);
      return listed({ data: data.map((row) => this.view(row)), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /** @throws NotFound `models.provider_not_found` */
  get(ctx: OrgContext, id: ModelProviderId): Promise<ModelProvider> {
    return this.db.readInOrg(ctx, async (tx) => this.view(await this.providers.get(tx, ctx, id)));
  }

  private view(row: ProviderRow): ModelProvider {
    return toProvider(row, this.keys.faultOf(row));
  }
}
