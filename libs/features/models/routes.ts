import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ModelGateway, type ModelOptions } from '@atrium/platform/ai';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Invalid, Unavailable } from '@atrium/platform/errors';
import { SafeFetch } from '@atrium/platform/http';
import { Metrics } from '@atrium/platform/observability';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Price } from './price.js';
import { modelsOf, type ProviderRow } from './provider.js';
import { ProviderKeys } from './provider-keys.js';
import { ProviderRepository } from './provider.repository.js';

/** Providers whose circuits one process remembers. */
const MAX_GATEWAYS = 1_000;

/** One way to an answer. */
export interface Route {
  /** The provider's name; null: the server's own endpoint. */
  provider: string | null;
  model: string;
  price: Price;
  /** @throws Unavailable `models.key_unreadable` */
  gateway: () => ModelGateway;
}

/** Which endpoints may answer for an organization, in their order: its providers, then the server's own. Each has a circuit of its own. */
@Injectable()
export class Routes {
  private readonly gateways = new LRUCache<string, { updatedAt: number; gateway: ModelGateway }>({ max: MAX_GATEWAYS });

  constructor(
    private readonly db: Db,
    private readonly providers: ProviderRepository,
    private readonly keys: ProviderKeys,
    private readonly safeFetch: SafeFetch,
    private readonly own: ModelGateway,
    private readonly metrics: Metrics,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Whether any endpoint may answer. Not inside a transaction. */
  async any(ctx: OrgContext): Promise<boolean> {
    const hasProvider = await this.db.readInOrg(ctx, (tx) => this.providers.anyEnabled(tx, ctx));
    return hasProvider || this.own.configured;
  }

  /**
   * At least one. `model` null: the first of each provider. Not inside a transaction.
   * @throws Invalid `models.not_served`; Unavailable `ai.unavailable` where nothing is set up
   */
  async of(ctx: OrgContext, model: string | null): Promise<Route[]> {
    const rows = await this.db.readInOrg(ctx, (tx) => this.providers.enabled(tx, ctx));
    const routes = rows.flatMap((row) => this.to(row, model) ?? []);
    const mayUseOwn = this.own.configured && (rows.length === 0 || this.config.LLM_FOR === 'all');
    // The server's own endpoint has one model. It stands in for the model of a provider; another name it does not know.
    if (mayUseOwn && (routes.length > 0 || model === null || model === this.config.LLM_MODEL)) routes.push(this.toOwn());
    if (routes.length > 0) return routes;
    if (rows.length === 0 && !this.own.configured)
      throw new Unavailable('ai.unavailable', 'No model is set up on this server.', { retryable: false });
    throw new Invalid(
      'models.not_served',
      `Nobody here has the model ${model}. An administrator can add it to a model provider, or give the agent another model.`,
    );
  }

  /** The way to a model of the provider; null when it has none of that name. */
  to(row: ProviderRow, name: string | null): Route | null {
    const found = modelsOf(row).find((model) => name === null || model.name === name);
    return found ? { provider: row.name, model: found.name, price: found, gateway: () => this.gatewayOf(row) } : null;
  }

  /** A gateway with a circuit of its own, for one call that should not wait for others. @throws Unavailable `models.key_unreadable` */
  gateway(row: ProviderRow, patience: Pick<ModelOptions, 'attempts' | 'firstTokenSeconds' | 'deadlineSeconds'>): ModelGateway {
    return new ModelGateway({
      ...patience,
      baseUrl: row.baseUrl,
      apiKey: this.keys.open(row),
      model: '',
      dispatcherFor: (url) => this.safeFetch.dispatcherFor(url),
      onUsage: (usage) => this.metrics.countTokens(usage),
    });
  }

  private gatewayOf(row: ProviderRow): ModelGateway {
    const [key, updatedAt] = [`${row.orgId}|${row.id}`, row.updatedAt.getTime()];
    const known = this.gateways.get(key);
    if (known?.updatedAt === updatedAt) return known.gateway;
    // Another provider may follow: fewer tries than at the server's own endpoint.
    const gateway = this.gateway(row, { attempts: 2 });
    this.gateways.set(key, { updatedAt, gateway });
    return gateway;
  }

  private toOwn(): Route {
    const { LLM_MODEL: model, LLM_INPUT_MICROS: inputMicros, LLM_OUTPUT_MICROS: outputMicros } = this.config;
    return { provider: null, model, price: { inputMicros, outputMicros }, gateway: () => this.own };
  }
}
