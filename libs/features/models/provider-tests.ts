import { Injectable } from '@nestjs/common';
import type { ModelProviderId, ModelProviderTest, TestModelProvider } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Invalid } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { Models } from './models.service.js';
import { providerTold } from './provider.js';
import { isProviderFailure } from './provider-failure.js';
import { ProviderRepository } from './provider.repository.js';
import { type Route, Routes } from './routes.js';

const PATIENCE = { attempts: 1, firstTokenSeconds: 15, deadlineSeconds: 20 };
const REQUEST = {
  system: 'You are tested.',
  messages: [{ role: 'user' as const, content: 'Answer with the word ready.' }],
  maxOutputTokens: 16,
};

/** Small real calls of providers, also of those that are turned off. */
@Injectable()
export class ProviderTests {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly providers: ProviderRepository,
    private readonly routes: Routes,
    private readonly models: Models,
  ) {}

  /**
   * Counts as any other call. A failure of the provider is the answer, not an error.
   * @throws NotFound `models.provider_not_found`, Invalid `models.not_served`, QuotaExceeded `models.budget_exceeded`
   */
  async test(ctx: OrgContext, id: ModelProviderId, { model }: TestModelProvider): Promise<ModelProviderTest> {
    const row = await this.db.readInOrg(ctx, (tx) => this.providers.get(tx, ctx, id));
    const route = this.routes.to(row, model ?? null);
    if (!route) throw new Invalid('models.not_served', `The model provider has no model ${model}. Add it to its models first.`);
    const startedAt = performance.now();
    const failure = await this.failureOf(ctx, { ...route, gateway: () => this.routes.gateway(row, PATIENCE) });
    const result = { model: route.model, latencyMs: Math.round(performance.now() - startedAt), failure };
    return this.db.inOrg(ctx, async (tx) => {
      const data = { model: result.model, latencyMs: result.latencyMs, failureCode: failure?.code ?? null };
      await this.events.append(tx, ctx, providerTold('models.provider_tested', row, { data }));
      return result;
    });
  }

  private async failureOf(ctx: OrgContext, route: Route): Promise<ModelProviderTest['failure']> {
    try {
      for await (const delta of this.models.ask(ctx, route, REQUEST, { agentId: null, purpose: 'test' })) if (delta.type === 'end') break;
      return null;
    } catch (error) {
      if (!isProviderFailure(error)) throw error;
      return { code: error.code, message: error.message };
    }
  }
}
