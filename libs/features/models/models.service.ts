import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { ModelDelta, ModelRequest, ModelUsage } from '@atrium/platform/ai';
import { Log } from '@atrium/platform/observability';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type Asking, Ledger, type OpenCall } from './ledger.js';
import { mayPassOn, namedFailure } from './provider-failure.js';
import { type Route, Routes } from './routes.js';

/** How often a figure is tried to be written before the estimate stays. */
const SETTLE_TRIES = 3;

/** What an answer took, over all endpoints that were asked. */
export interface Paid {
  /** Who was asked last; null: the server's own endpoint. */
  provider: string | null;
  model: string | null;
  inputTokens: number;
  outputTokens: number;
  estimated: boolean;
  costMicros: number;
}
export const NOTHING_PAID: Paid = { provider: null, model: null, inputTokens: 0, outputTokens: 0, estimated: false, costMicros: 0 };

/** For whom a model works; the person is that of the context. */
export interface ModelCaller extends Pick<Asking, 'agentId' | 'purpose'> {
  /** Told what it took, once for each endpoint that was asked: the sum so far. Also when it failed or was left early. Must not throw. */
  onPaid?: (paid: Paid) => void;
}

/** Models as an organization has them: its own providers in their order, then the server's endpoint, within its budgets, and counted. */
@Injectable()
export class Models {
  constructor(
    private readonly routes: Routes,
    private readonly ledger: Ledger,
    private readonly log: Log,
  ) {}

  /** Whether there is any model for the organization. Not inside a transaction. */
  available(ctx: OrgContext): Promise<boolean> {
    return this.routes.any(ctx);
  }

  /**
   * Streams one answer: text deltas, then one `end`. While no text was given on, the next endpoint takes over from one that is ill. Leaving
   * the loop early stops the endpoint. Not inside a transaction.
   * @throws QuotaExceeded `models.budget_exceeded`, Invalid `models.not_served`, Unavailable `ai.*` and `models.key_unreadable` that name the provider; the signal's
   * reason when it aborts
   */
  async *stream(ctx: OrgContext, request: ModelRequest, caller: ModelCaller): AsyncGenerator<ModelDelta, void, undefined> {
    const routes = await this.routes.of(ctx, request.model ?? null);
    let paid = NOTHING_PAID;
    const onPaid = (more: Paid) => caller.onPaid?.((paid = sum(paid, more)));
    for (const [at, route] of routes.entries()) {
      let isGivenOn = false;
      try {
        for await (const delta of this.ask(ctx, route, request, { ...caller, onPaid })) {
          isGivenOn = true;
          yield delta;
        }
        return;
      } catch (error) {
        if (isGivenOn || at === routes.length - 1 || !mayPassOn(error)) throw error;
      }
    }
  }

  /** The same of one endpoint. */
  async *ask(ctx: OrgContext, route: Route, request: ModelRequest, caller: ModelCaller): AsyncGenerator<ModelDelta, void, undefined> {
    const { provider, model, price } = route;
    const gateway = route.gateway();
    const estimate = gateway.estimate(request);
    const call = await this.ledger.open(ctx, { agentId: caller.agentId, purpose: caller.purpose, provider, model, price, estimate });
    let usage: ModelUsage = { inputTokens: 0, outputTokens: 0, estimated: false };
    try {
      yield* gateway.stream({ ...request, model, onUsage: (used) => (usage = used) });
    } catch (error) {
      throw namedFailure(error, provider);
    } finally {
      const { costMicros } = await this.settle(ctx, call, usage);
      caller.onPaid?.({ provider, model, ...usage, costMicros: Number(costMicros) });
    }
  }

  /** What cannot be written stays counted as it was estimated. */
  private async settle(ctx: OrgContext, call: OpenCall, usage: ModelUsage): Promise<Pick<OpenCall, 'costMicros'>> {
    for (let tried = 1; ; tried++) {
      try {
        return await this.ledger.settle(ctx, call, usage);
      } catch (error) {
        this.log.warn('what a model cost could not be written', { orgId: ctx.orgId, reason: error instanceof Error ? error.name : '' });
        if (tried === SETTLE_TRIES) return call;
        await pause(tried * 500);
      }
    }
  }
}

function sum(before: Paid, more: Paid): Paid {
  return {
    ...more,
    inputTokens: before.inputTokens + more.inputTokens,
    outputTokens: before.outputTokens + more.outputTokens,
    estimated: before.estimated || more.estimated,
    costMicros: before.costMicros + more.costMicros,
  };
}
