import type { PricedModel } from '@atrium/contracts';
import type { ModelUsage } from '@atrium/platform/ai';

/** Micro-dollars for a million tokens. */
export type Price = Pick<PricedModel, 'inputMicros' | 'outputMicros'>;

/** What the tokens cost, in micro-dollars, rounded up. */
export function costOf({ inputTokens, outputTokens }: Pick<ModelUsage, 'inputTokens' | 'outputTokens'>, price: Price): bigint {
  const parts = BigInt(inputTokens) * BigInt(price.inputMicros) + BigInt(outputTokens) * BigInt(price.outputMicros);
  return (parts + 999_999n) / 1_000_000n;
}
