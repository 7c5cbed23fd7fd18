import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { CreateModelProvider, ModelProvider, ModelProviderId, PatchModelProvider } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Conflict, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { assertKeyStays, changesBetween, hintOf, providerTold, type ProviderRow, toProvider } from './provider.js';
import { ProviderKeys } from './provider-keys.js';
import { ProviderRepository } from './provider.repository.js';

const MAX_PROVIDERS = 20;

/** The commands on model providers. */
@Injectable()
export class ProvidersService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly providers: ProviderRepository,
    private readonly keys: ProviderKeys,
  ) {}

  /** @throws Conflict `models.name_taken`, QuotaExceeded `models.limit_reached` */
  create(ctx: OrgContext, { apiKey, position, ...input }: CreateModelProvider): Promise<ModelProvider> {
    return this.db.inOrg(ctx, async (tx) => {
      const { count, lastPosition } = await this.providers.lockAll(tx, ctx);
      if (count >= MAX_PROVIDERS)
        throw new QuotaExceeded('models.limit_reached', `An organization can have ${MAX_PROVIDERS} model providers. Remove one first.`, {
          retryable: false,
        });
      const at = new Date();
      const place = { orgId: ctx.orgId, id: uuidv7() };
      const row: ProviderRow = {
        ...place,
        ...input,
        ...this.sealed(apiKey, place),
        position: position ?? Math.min(lastPosition + 1, 1_000_000),
        createdAt: at,
        updatedAt: at,
      };
      await this.assertNameIsFree(tx, row);
      await this.providers.insert(tx, row);
      await this.events.append(tx, ctx, providerTold('models.provider_created', row));
      return toProvider(row, null);
    });
  }

  /**
   * Honours If-Match. Calls under way go on as they began.
   * @throws NotFound `models.provider_not_found`, Invalid `models.key_required`, Conflict `models.name_taken`, `request.precondition_failed`
   */
  change(ctx: OrgContext, id: ModelProviderId, { apiKey, ...patch }: PatchModelProvider): Promise<ModelProvider> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.providers.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      assertKeyStays(before, { ...patch, apiKey });
      const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<ProviderRow>;
      const after = { ...before, ...given, ...(apiKey === undefined ? {} : this.sealed(apiKey, before)), updatedAt: new Date() };
      const changes = changesBetween(before, after);
      if (!changes) return toProvider(before, this.keys.faultOf(before));
      await this.assertNameIsFree(tx, after);
      await this.providers.update(tx, after);
      await this.events.append(tx, ctx, providerTold('models.provider_changed', after, { changes }));
      return toProvider(after, this.keys.faultOf(after));
    });
  }

  /** What it was used for stays counted. @throws NotFound `models.provider_not_found` */
  async remove(ctx: OrgContext, id: ModelProviderId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.providers.lock(tx, ctx, id);
      assertUnchanged(ctx, row);
      await this.providers.remove(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'model_provider', id });
      await this.events.append(tx, ctx, providerTold('models.provider_removed', row));
    });
  }

  private sealed(key: string | null, place: Pick<ProviderRow, 'orgId' | 'id'>): Pick<ProviderRow, 'apiKey' | 'keyHint'> {
    return key === null ? { apiKey: null, keyHint: null } : { apiKey: this.keys.seal(key, place), keyHint: hintOf(key) };
  }

  /** @throws Conflict `models.name_taken` */
  private async assertNameIsFree(tx: Tx, row: ProviderRow): Promise<void> {
    if (await this.providers.isNameTaken(tx, row)) throw new Conflict('models.name_taken', 'A model provider of this name exists.');
  }
}
