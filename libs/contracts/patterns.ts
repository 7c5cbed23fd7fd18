import { z } from 'zod';
import { Access, AccessInput } from './access.js';
import { Metadata, Moment, page, PageQuery, text, Time } from './common.js';
import { titled } from './name.js';
import { GivenMetadata } from './documents.js';
import { PatternId, PatternUsageId, UserId } from './ids.js';
import { Author } from './chat.js';

/**
 * Something that was learned to work: in this `situation`, do this `action`. Its usages tell how well.
 * active: it is suggested; demoted: it fails too often to be suggested, by the rule of docs/memory.md; archived: somebody put it aside.
 */
export const PatternStatus = z.enum(['active', 'demoted', 'archived']);
export type PatternStatus = z.infer<typeof PatternStatus>;

export const Pattern = z
  .strictObject({
    id: PatternId,
    name: z.string(),
    situation: z.string(),
    action: z.string(),
    access: Access,
    tags: z.array(z.string()),
    metadata: Metadata,
    status: PatternStatus,
    /** How often it was used, and how often of these with success. */
    usages: z.int(),
    successes: z.int(),
    /** 0 to 1; null while it was never used. */
    successRate: z.number().nullable(),
    /** What the success rate is at least, with 95 % confidence: the lower bound of Wilson's interval. 0 while it was never used. */
    confidence: z.number(),
    lastUsedAt: Time.nullable(),
    ownerId: UserId,
    createdBy: Author,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Pattern' });
export type Pattern = z.infer<typeof Pattern>;
export const PatternPage = page(Pattern).meta({ id: 'PatternPage' });

const Name = titled(200);
const Words = text(4_000).refine((value) => value.trim().length > 0, 'must not be empty');
const Tags = z
  .array(titled(64))
  .max(32)
  .transform((tags) => [...new Set(tags)]);

/** `access` defaults to private. */
export const CreatePattern = z
  .strictObject({
    name: Name,
    situation: Words,
    action: Words,
    access: AccessInput.optional(),
    tags: Tags.default([]),
    metadata: GivenMetadata.default({}),
  })
  .meta({ id: 'CreatePattern' });
export type CreatePattern = z.infer<typeof CreatePattern>;
/** `status`: `archived` puts it aside, `active` takes it back; whether it is demoted its usages say. */
export const PatchPattern = z
  .strictObject({
    name: Name.optional(),
    situation: Words.optional(),
    action: Words.optional(),
    access: AccessInput.optional(),
    tags: Tags.optional(),
    metadata: GivenMetadata.optional(),
    status: z.enum(['active', 'archived']).optional(),
  })
  .meta({ id: 'PatchPattern' });
export type PatchPattern = z.infer<typeof PatchPattern>;

/** `authorId`: the person or agent who wrote it. `sort`: `newest` first, or `best`, by confidence. */
export const PatternsQuery = z.strictObject({
  ...PageQuery.shape,
  tag: titled(64).optional(),
  status: PatternStatus.optional(),
  authorId: z.uuid().optional(),
  sort: z.enum(['newest', 'best']).default('newest'),
});
export type PatternsQuery = z.infer<typeof PatternsQuery>;

export const PatternOutcome = z.enum(['success', 'failure']);
export type PatternOutcome = z.infer<typeof PatternOutcome>;
export const PatternUsage = z
  .strictObject({
    id: PatternUsageId,
    patternId: PatternId,
    outcome: PatternOutcome,
    note: z.string(),
    /** How long it took, in milliseconds. */
    durationMs: z.int().nullable(),
    usedAt: Time,
    usedBy: Author,
    createdAt: Time,
  })
  .meta({ id: 'PatternUsage' });
export type PatternUsage = z.infer<typeof PatternUsage>;
export const PatternUsagePage = page(PatternUsage).meta({ id: 'PatternUsagePage' });
/** `usedAt` is now or in the past, default now. */
export const RecordUsage = z
  .strictObject({
    outcome: PatternOutcome,
    note: text(1_000).default(''),
    durationMs: z.int().min(0).max(2_147_483_647).nullish(),
    usedAt: Moment.optional(),
  })
  .meta({ id: 'RecordUsage' });
export type RecordUsage = z.infer<typeof RecordUsage>;
/** Of patterns that one may read, the last used first. `usedById`: the person or agent who used them, default who asks. */
export const PatternUsagesQuery = z.strictObject({
  ...PageQuery.shape,
  usedById: z.uuid().optional(),
  outcome: PatternOutcome.optional(),
});
export type PatternUsagesQuery = z.infer<typeof PatternUsagesQuery>;

/** `situation`: what one is about to do. `tags`: it has all of them. `limit` is 1 to 20, default 5. */
export const SuggestPatterns = z
  .strictObject({
    situation: text(1_000).refine((value) => value.trim().length > 0, 'must not be empty'),
    tags: Tags.optional(),
    limit: z.int().min(1).max(20).default(5),
  })
  .meta({ id: 'SuggestPatterns' });
export type SuggestPatterns = z.infer<typeof SuggestPatterns>;
/** The best first. `score`: how well the situation fits, times how well it worked; comparable within one answer. */
export const SuggestedPatterns = z
  .strictObject({ data: z.array(z.strictObject({ ...Pattern.shape, score: z.number() })) })
  .meta({ id: 'SuggestedPatterns' });
export type SuggestedPatterns = z.infer<typeof SuggestedPatterns>;
