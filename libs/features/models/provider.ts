import { type ModelProvider, type ModelProviderId, type PatchModelProvider, PricedModel } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Invalid } from '@atrium/platform/errors';
import { canonicalJson, type EventDraft, type Json } from '@atrium/platform/events';

/** A row of `model_providers`. */
export type ProviderRow = NonNullable<Awaited<ReturnType<Tx['modelProvider']['findFirst']>>>;

export const modelsOf = ({ models }: Pick<ProviderRow, 'models'>): PricedModel[] => PricedModel.array().parse(models);

export function toProvider(row: ProviderRow, failure: ModelProvider['failure']): ModelProvider {
  return {
    id: row.id as ModelProviderId,
    name: row.name,
    baseUrl: row.baseUrl,
    keyHint: row.keyHint,
    models: modelsOf(row),
    enabled: row.enabled,
    position: row.position,
    failure,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** What may be shown of a key: nothing of a short one. */
export const hintOf = (key: string): string => (key.length < 16 ? '' : key.slice(-4));

/** Who could change the address alone could have the key sent to a server of their own. @throws Invalid `models.key_required` */
export function assertKeyStays(before: ProviderRow, { baseUrl, apiKey }: PatchModelProvider): void {
  if (baseUrl === undefined || apiKey !== undefined || before.apiKey === null) return;
  if (baseUrl === before.baseUrl) return;
  throw new Invalid('models.key_required', 'The key is not sent to another address. Give the key for the new one, or null.', {
    places: [{ pointer: '/apiKey', message: 'is needed with another baseUrl' }],
  });
}

type Told = 'models.provider_created' | 'models.provider_changed' | 'models.provider_removed' | 'models.provider_tested';

/** Name and address are text of persons: an address may hold a key. */
export function providerTold(
  type: Told,
  row: ProviderRow,
  more: Pick<EventDraft, 'changes'> & { data?: EventDraft['data'] } = {},
): EventDraft {
  const { id, enabled, position, name, baseUrl } = row;
  const models = modelsOf(row).map((model) => model.name);
  return {
    type,
    subject: { kind: 'model_provider', id },
    audience: 'admins',
    data: { providerId: id, models, enabled, position, ...more.data },
    ...(type === 'models.provider_removed' ? {} : { text: { name, baseUrl } }),
    ...(more.changes ? { changes: more.changes } : {}),
  };
}

/** What differs between two states, for auditors; null when nothing does. Another key is always a change. */
export function changesBetween(before: ProviderRow, after: ProviderRow): NonNullable<EventDraft['changes']> | null {
  const changes: Record<string, [Json, Json]> = {};
  for (const field of ['models', 'enabled', 'position'] as const)
    if (canonicalJson(before[field]) !== canonicalJson(after[field])) changes[field] = [before[field], after[field]];
  for (const field of ['name', 'baseUrl'] as const) if (before[field] !== after[field]) changes[field] = ['[text]', '[text]'];
  if (before.apiKey !== after.apiKey) changes['apiKey'] = ['[secret]', '[secret]'];
  return Object.keys(changes).length === 0 ? null : changes;
}
