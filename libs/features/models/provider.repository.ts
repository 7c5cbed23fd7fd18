import { Injectable } from '@nestjs/common';
import type { ModelProviderId } from '@atrium/contracts';
import type { Prisma, Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { ProviderRow } from './provider.js';

type Org = Pick<OrgContext, 'orgId'>;
const ORDER = [{ position: 'asc' }, { id: 'asc' }] satisfies Prisma.ModelProviderOrderByWithRelationInput[];

/** The table `model_providers`. */
@Injectable()
export class ProviderRepository {
  /** @throws NotFound `models.provider_not_found` */
  async get(tx: Tx, { orgId }: Org, id: ModelProviderId): Promise<ProviderRow> {
    const row = await tx.modelProvider.findFirst({ where: { orgId, id } });
    if (!row) throw new NotFound('models.provider_not_found', 'There is no such model provider.');
    return row;
  }

  /** The same, and all providers of the organization locked until the commit. @throws NotFound `models.provider_not_found` */
  async lock(tx: Tx, ctx: Org, id: ModelProviderId): Promise<ProviderRow> {
    await this.lockAll(tx, ctx);
    return this.get(tx, ctx, id);
  }

  /** In the order in which they are asked; `after`: position and id, exclusive. */
  list(tx: Tx, { orgId }: Org, after: readonly [number, string] | null, limit: number): Promise<ProviderRow[]> {
    const beyond = after && { OR: [{ position: { gt: after[0] } }, { position: after[0], id: { gt: after[1] } }] };
    return tx.modelProvider.findMany({ where: { orgId, ...beyond }, orderBy: ORDER, take: limit });
  }

  /** Those that are turned on, in the order in which they are asked. */
  enabled(tx: Tx, { orgId }: Org): Promise<ProviderRow[]> {
    return tx.modelProvider.findMany({ where: { orgId, enabled: true }, orderBy: ORDER });
  }

  async anyEnabled(tx: Tx, { orgId }: Org): Promise<boolean> {
    return (await tx.modelProvider.findFirst({ where: { orgId, enabled: true }, select: { id: true } })) !== null;
  }

  /** Locks the organization's providers as a whole; how many there are, and the last position. */
  async lockAll(tx: Tx, { orgId }: Org): Promise<{ count: number; lastPosition: number }> {
    await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`${orgId}|model_providers`}, 2))`;
    const { _count, _max } = await tx.modelProvider.aggregate({ where: { orgId }, _count: true, _max: { position: true } });
    return { count: _count, lastPosition: _max.position ?? -1 };
  }

  async isNameTaken(tx: Tx, { orgId, id, name }: Pick<ProviderRow, 'orgId' | 'id' | 'name'>): Promise<boolean> {
    return (await tx.modelProvider.findFirst({ where: { orgId, name, id: { not: id } }, select: { id: true } })) !== null;
  }

  async insert(tx: Tx, row: ProviderRow): Promise<void> {
    await tx.modelProvider.createMany({ data: { ...row, models: row.models as Prisma.InputJsonValue } });
  }

  async update(tx: Tx, { orgId, id, ...row }: ProviderRow): Promise<void> {
    await tx.modelProvider.updateMany({ where: { orgId, id }, data: { ...row, models: row.models as Prisma.InputJsonValue } });
  }

  async remove(tx: Tx, { orgId }: Org, id: ModelProviderId): Promise<void> {
    await tx.modelProvider.deleteMany({ where: { orgId, id } });
  }
}
