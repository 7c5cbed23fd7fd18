import { z } from 'zod';
import { line, page, PageQuery, Time } from './common.js';
import { ModelBudgetId, ModelProviderId } from './ids.js';
import { named } from './name.js';

/** Millionths of a US dollar. */
const Micros = z.int().min(0).max(1_000_000_000_000);

/** A model at a provider, and what a million of its tokens costs. Micro-dollars: 1,250,000 is $1.25. */
export const PricedModel = z
  .strictObject({
    name: line(200),
    inputMicros: Micros.max(10_000_000_000).default(0),
    outputMicros: Micros.max(10_000_000_000).default(0),
  })
  .meta({ id: 'PricedModel' });
export type PricedModel = z.infer<typeof PricedModel>;
const PricedModels = z
  .array(PricedModel)
  .min(1)
  .max(100)
  .refine((models) => new Set(models.map(({ name }) => name)).size === models.length, 'must name each model once');

const BaseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2_000)
  .refine((url) => {
    if (!URL.canParse(url)) return true;
    const { username, password, search, hash } = new URL(url);
    return username + password + search + hash === '';
  }, 'must not hold a user, password, query or fragment');
/** Sent as a bearer token. */
const ApiKey = z.string().regex(/^[\x21-\x7e]{1,1000}$/, 'must be 1 to 1,000 visible ASCII characters');
const Position = z.int().min(0).max(1_000_000);

/** An OpenAI-compatible endpoint of the organization. Of the enabled ones the first that has the model is asked, then the next. */
export const ModelProvider = z
  .strictObject({
    id: ModelProviderId,
    /** Failures and traces name it. */
    name: z.string(),
    /** The root, such as `https://api.example.com/v1`. */
    baseUrl: z.string(),
    /** The last four characters of the key; empty for a short key, null without one. The key itself is never shown. */
    keyHint: z.string().nullable(),
    /** The first is asked where no model is named. */
    models: z.array(PricedModel),
    enabled: z.boolean(),
    /** Smaller ones are asked first. */
    position: z.int(),
    /** Why it is not asked although it is turned on: its key cannot be read and has to be entered again. Null: nothing is known to be wrong. */
    failure: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'ModelProvider' });
export type ModelProvider = z.infer<typeof ModelProvider>;
export const ModelProviderPage = page(ModelProvider).meta({ id: 'ModelProviderPage' });
/** `position`: after all others when absent. */
export const CreateModelProvider = z
  .strictObject({
    name: named(120),
    baseUrl: BaseUrl,
    apiKey: ApiKey.nullable().default(null),
    models: PricedModels,
    enabled: z.boolean().default(true),
    position: Position.optional(),
  })
  .meta({ id: 'CreateModelProvider' });
export type CreateModelProvider = z.infer<typeof CreateModelProvider>;
/** `apiKey` null takes the key away. Another server in `baseUrl` needs `apiKey` too, so that a key goes only where it was given for. */
export const PatchModelProvider = z
  .strictObject({
    name: named(120).optional(),
    baseUrl: BaseUrl.optional(),
    apiKey: ApiKey.nullish(),
    models: PricedModels.optional(),
    enabled: z.boolean().optional(),
    position: Position.optional(),
  })
  .meta({ id: 'PatchModelProvider' });
export type PatchModelProvider = z.infer<typeof PatchModelProvider>;

/** `model`: the provider's first when absent. */
export const TestModelProvider = z.strictObject({ model: line(200).optional() }).meta({ id: 'TestModelProvider' });
export type TestModelProvider = z.infer<typeof TestModelProvider>;
/** What came of a small real call. `failure` null: it answered. */
export const ModelProviderTest = z
  .strictObject({
    model: z.string(),
    latencyMs: z.int(),
    failure: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'ModelProviderTest' });
export type ModelProviderTest = z.infer<typeof ModelProviderTest>;

const BudgetScope = z.enum(['organization', 'agent', 'person', 'each_person']);
export type BudgetScope = z.infer<typeof BudgetScope>;
const limits = {
  /** Micro-dollars a month; null: no limit. */
  costMicros: Micros.nullable(),
  /** Tokens a month, input and output together; null: no limit. */
  tokens: z.int().min(0).max(1_000_000_000_000).nullable(),
};
/** What models may cost in a calendar month (UTC): the organization, an agent, a person whom they work for, or each
 * person who has no budget of their own. */
export const ModelBudget = z
  .strictObject({
    id: ModelBudgetId,
    scope: BudgetScope,
    /** The agent or person; null of the organization and of each person. */
    subjectId: z.uuid().nullable(),
    ...limits,
    /** What this month has used, calls under way included by what they may use at most; null of each person, of whom each has used
     * something else. */
    spent: z.strictObject({ month: z.string(), costMicros: z.int(), tokens: z.int() }).nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'ModelBudget' });
export type ModelBudget = z.infer<typeof ModelBudget>;
export const ModelBudgetPage = page(ModelBudget).meta({ id: 'ModelBudgetPage' });
/** At least one of the two limits. */
export const CreateModelBudget = z
  .strictObject({
    scope: BudgetScope,
    subjectId: z.uuid().nullable().default(null),
    costMicros: limits.costMicros.default(null),
    tokens: limits.tokens.default(null),
  })
  .refine(({ scope, subjectId }) => (scope === 'agent' || scope === 'person') === (subjectId !== null), {
    path: ['subjectId'],
    message: 'must be the agent or person, and null for the organization and for each person',
  })
  .refine(({ costMicros, tokens }) => costMicros !== null || tokens !== null, {
    path: ['costMicros'],
    message: 'must be given, or tokens',
  })
  .meta({ id: 'CreateModelBudget' });
export type CreateModelBudget = z.infer<typeof CreateModelBudget>;
export const PatchModelBudget = z
  .strictObject({ costMicros: limits.costMicros.optional(), tokens: limits.tokens.optional() })
  .meta({ id: 'PatchModelBudget' });
export type PatchModelBudget = z.infer<typeof PatchModelBudget>;

const Day = z.iso.date().refine((day) => day.startsWith('2'), 'must be in the years 2000 to 2999');
/** `from` and `to` are days (UTC), both included; default: this month. At most 366 days. */
export const ModelUsageQuery = z.strictObject({
  ...PageQuery.shape,
  by: z.enum(['day', 'agent', 'person', 'provider', 'model']).default('day'),
  from: Day.optional(),
  to: Day.optional(),
});
export type ModelUsageQuery = z.infer<typeof ModelUsageQuery>;
export const ModelUsage = z
  .strictObject({
    /** The day, id or name; empty where there is none: no agent or person, the server's own endpoint. */
    key: z.string(),
    calls: z.int(),
    /** Calls among them of which some figure is an estimate: under way, cut off, or not reported by the endpoint. */
    estimatedCalls: z.int(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costMicros: z.int(),
  })
  .meta({ id: 'ModelUsage' });
export type ModelUsage = z.infer<typeof ModelUsage>;
export const ModelUsagePage = page(ModelUsage).meta({ id: 'ModelUsagePage' });
