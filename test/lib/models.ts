import { randomUUID } from 'node:crypto';
import type { ModelBudget, ModelProvider, ModelUsage, Page } from '@atrium/contracts';
import type { Person } from './api.js';
import type { FakeModel } from './fake-model.js';

/** $1 for a million input tokens, $2 for a million output tokens. */
export const PRICED = { name: 'fake', inputMicros: 1_000_000, outputMicros: 2_000_000 };

export const newProvider = ({ api }: Person, fake: Pick<FakeModel, 'baseUrl'>, more: object = {}) =>
  api.post<ModelProvider>('/v1/model-providers', {
    name: `Provider ${randomUUID().slice(0, 13)}`,
    baseUrl: fake.baseUrl,
    models: [PRICED],
    ...more,
  });

export const newBudget = ({ api }: Person, budget: object) => api.post<ModelBudget>('/v1/model-budgets', budget);

export const usageOf = async ({ api }: Person, by: string): Promise<ModelUsage[]> =>
  (await api.get<Page<ModelUsage>>('/v1/model-usage', { by })).data;
