import { z } from 'zod';
import { Access, AccessInput } from './access.js';
import { Author } from './chat.js';
import { Actor, line, Metadata, Moment, page, PageQuery, text, Time, Via } from './common.js';
import { GivenMetadata } from './documents.js';
import { MemoryId, MemoryReviewId, NamespaceId, UserId } from './ids.js';
import { named, titled } from './name.js';

/** The most bytes of a memory's text, in UTF-8. */
export const MAX_MEMORY_BYTES = 16_384;
/** The namespace that everyone has for oneself. */
export const DEFAULT_NAMESPACE = 'default';

/** Where a memory comes from; `id` is the source's own, whatever it is. */
export const MemorySourceRef = z.strictObject({
  kind: z.enum(['manual', 'agent', 'message', 'conversation', 'document', 'import']),
  id: z.string().nullable(),
});
export type MemorySourceRef = z.infer<typeof MemorySourceRef>;

export const Memory = z
  .strictObject({
    id: MemoryId,
    content: z.string(),
    /** The name of its namespace. */
    namespace: z.string(),
    namespaceId: NamespaceId,
    access: Access,
    subject: z.string().nullable(),
    predicate: z.string().nullable(),
    /** It holds from here, inclusive. */
    validFrom: Time,
    /** To here, exclusive; null while it holds. In the future when it is known to end. */
    validTo: Time.nullable(),
    /** What took its place; null for one that expired, or whose successor was forgotten. */
    supersededBy: MemoryId.nullable(),
    expiresAt: Time.nullable(),
    source: MemorySourceRef,
    /** 0 to 1. */
    confidence: z.number(),
    tags: z.array(z.string()),
    metadata: Metadata,
    ownerId: UserId,
    createdBy: Author,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Memory' });
export type Memory = z.infer<typeof Memory>;
export const MemoryPage = page(Memory).meta({ id: 'MemoryPage' });

const Content = text(MAX_MEMORY_BYTES)
  .refine((value) => value.trim().length > 0, 'must not be empty')
  .refine((value) => new TextEncoder().encode(value).length <= MAX_MEMORY_BYTES, 'must be at most 16 KiB in UTF-8');
const Tags = z
  .array(titled(64))
  .max(32)
  .transform((tags) => [...new Set(tags)]);
const NamespaceName = named(100);
const Subject = titled(200);
const Predicate = titled(100);
const Confidence = z.number().min(0).max(1);
const GivenSource = z.strictObject({ kind: MemorySourceRef.shape.kind, id: line(128).nullable().optional() });

/**
 * `namespace` defaults to one's own `default`; a name that one cannot see is made as a namespace of one's own. `access` defaults to the
 * namespace's, which is private for one's own. `validFrom` defaults to now, `confidence` to 1.
 */
export const AddMemory = z
  .strictObject({
    content: Content,
    namespace: NamespaceName.optional(),
    access: AccessInput.optional(),
    tags: Tags.optional(),
    metadata: GivenMetadata.optional(),
    subject: Subject.nullish(),
    predicate: Predicate.nullish(),
    validFrom: Moment.optional(),
    expiresAt: Moment.nullish(),
    confidence: Confidence.optional(),
    source: GivenSource.optional(),
  })
  .meta({
    id: 'AddMemory',
    examples: [
      { content: 'The head office is in Lviv.', subject: 'Northwind', predicate: 'has its head office in', access: 'organization' },
    ],
  });
export type AddMemory = z.infer<typeof AddMemory>;
/** A correction in place: the text before stays in the history. A fact that has changed is added anew instead. */
export const PatchMemory = z
  .strictObject({
    content: Content.optional(),
    access: AccessInput.optional(),
    tags: Tags.optional(),
    metadata: GivenMetadata.optional(),
    expiresAt: Moment.nullish(),
    confidence: Confidence.optional(),
  })
  .meta({ id: 'PatchMemory' });
export type PatchMemory = z.infer<typeof PatchMemory>;

/** Newest first. Without `includeRetired` only what holds now. */
export const MemoriesQuery = z.strictObject({
  ...PageQuery.shape,
  namespace: NamespaceName.optional(),
  tag: titled(64).optional(),
  subject: Subject.optional(),
  predicate: Predicate.optional(),
  includeRetired: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional(),
});
export type MemoriesQuery = z.infer<typeof MemoriesQuery>;

/** `asOf`: what held at that moment, whatever was learned since. `tags`: it has all of them. `limit` is 1 to 50, default 10. */
export const SearchMemories = z
  .strictObject({
    query: text(1_000).refine((value) => value.trim().length > 0, 'must not be empty'),
    namespaces: z.array(NamespaceName).min(1).max(32).optional(),
    tags: Tags.optional(),
    asOf: Moment.optional(),
    limit: z.int().min(1).max(50).default(10),
  })
  .meta({ id: 'SearchMemories' });
export type SearchMemories = z.infer<typeof SearchMemories>;
export const MemoryHit = z.strictObject({ ...Memory.shape, score: z.number() }).meta({ id: 'MemoryHit' });
export type MemoryHit = z.infer<typeof MemoryHit>;
export const MemorySearchResult = z.strictObject({ data: z.array(MemoryHit) }).meta({ id: 'MemorySearchResult' });
export type MemorySearchResult = z.infer<typeof MemorySearchResult>;

/**
 * What became of a fact: `added`; `confirmed`, it was known and is one memory still; `superseded` another one; `in_review`, it was added,
 * and whether it replaces another one is for a person to say.
 */
export const MemoryOutcome = z.enum(['added', 'confirmed', 'superseded', 'in_review']);
export type MemoryOutcome = z.infer<typeof MemoryOutcome>;
/** All of them or, when one is refused, none. */
export const AddMemories = z.strictObject({ memories: z.array(AddMemory).min(1).max(100) }).meta({ id: 'AddMemories' });
export type AddMemories = z.infer<typeof AddMemories>;
export const AddedMemory = z.strictObject({ outcome: MemoryOutcome, memory: Memory });
export type AddedMemory = z.infer<typeof AddedMemory>;
export const AddedMemories = z.strictObject({ data: z.array(AddedMemory) }).meta({ id: 'AddedMemories' });
export type AddedMemories = z.infer<typeof AddedMemories>;

/** One step of a fact's life, of this memory or of one that stood before or after it. */
export const MemoryEntry = z
  .strictObject({
    id: z.uuid(),
    memoryId: MemoryId,
    kind: z.enum(['added', 'confirmed', 'changed', 'superseded', 'expired', 'review_opened', 'review_accepted', 'review_rejected']),
    /** The text and the time it held, as they were after the step. */
    content: z.string(),
    validFrom: Time,
    validTo: Time.nullable(),
    supersededBy: MemoryId.nullable(),
    /** The other side: what was superseded, what superseded it, what it is reviewed against. */
    otherId: MemoryId.nullable(),
    /** Why, by the rules of docs/memory.md; null where the step says it. */
    reason: z.string().nullable(),
    actor: Actor,
    onBehalfOf: z.uuid().nullable(),
    via: Via.nullable(),
    createdAt: Time,
  })
  .meta({ id: 'MemoryEntry' });
export type MemoryEntry = z.infer<typeof MemoryEntry>;
export const MemoryEntryPage = page(MemoryEntry).meta({ id: 'MemoryEntryPage' });

/** `access`: who sees and writes it, and what its memories have when they do not say otherwise. */
export const Namespace = z
  .strictObject({
    id: NamespaceId,
    name: z.string(),
    description: z.string(),
    access: Access,
    ownerId: UserId,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Namespace' });
export type Namespace = z.infer<typeof Namespace>;
export const NamespacePage = page(Namespace).meta({ id: 'NamespacePage' });
/** `access` defaults to private. A name is unique among those of one owner. */
export const CreateNamespace = z
  .strictObject({ name: NamespaceName, description: text(1_000).default(''), access: AccessInput.optional() })
  .meta({ id: 'CreateNamespace' });
export type CreateNamespace = z.infer<typeof CreateNamespace>;
/** A new access is also that of the memories in it that had the one before. */
export const PatchNamespace = z
  .strictObject({ name: NamespaceName.optional(), description: text(1_000).optional(), access: AccessInput.optional() })
  .meta({ id: 'PatchNamespace' });
export type PatchNamespace = z.infer<typeof PatchNamespace>;

/** Whether `proposed` takes the place of `existing`. Both hold until somebody who may change `existing` has decided. */
export const MemoryReview = z
  .strictObject({
    id: MemoryReviewId,
    status: z.enum(['open', 'accepted', 'rejected']),
    /** Why no rule could say: docs/memory.md. */
    reason: z.enum(['less_certain', 'someone_elses', 'system', 'similar_words', 'other_readers']),
    proposed: Memory,
    existing: Memory,
    decidedBy: Actor.nullable(),
    decidedAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'MemoryReview' });
export type MemoryReview = z.infer<typeof MemoryReview>;
export const MemoryReviewPage = page(MemoryReview).meta({ id: 'MemoryReviewPage' });
export const MemoryReviewsQuery = z.strictObject({ ...PageQuery.shape, status: MemoryReview.shape.status.default('open') });
export type MemoryReviewsQuery = z.infer<typeof MemoryReviewsQuery>;

/** What was said, in order. `author` defaults to the caller's name, `at` to now; `id` is that of the message where it stands. */
const SaidMessage = z.strictObject({
  role: z.enum(['user', 'assistant', 'system']).default('user'),
  author: line(100).optional(),
  content: text(16_000),
  at: Moment.optional(),
  id: line(128).optional(),
});
export type SaidMessage = z.infer<typeof SaidMessage>;
/** With `dryRun` nothing is remembered, only proposed. All messages together have at most 100,000 characters. */
export const ExtractMemories = z
  .strictObject({
    messages: z
      .array(SaidMessage)
      .min(1)
      .max(100)
      .refine(
        (all) => all.reduce((sum, { content }) => sum + content.length, 0) <= 100_000,
        'must have at most 100,000 characters together',
      ),
    namespace: NamespaceName.optional(),
    access: AccessInput.optional(),
    tags: Tags.optional(),
    dryRun: z.boolean().default(false),
  })
  .meta({ id: 'ExtractMemories' });
export type ExtractMemories = z.infer<typeof ExtractMemories>;
/** `quote` stands, letter by letter but for white space, in the message of that index. */
export const ExtractedMemory = z.strictObject({
  message: z.int(),
  quote: z.string(),
  content: z.string(),
  subject: z.string().nullable(),
  predicate: z.string().nullable(),
  confidence: z.number(),
  outcome: z.enum(['proposed', ...MemoryOutcome.options]),
  memory: Memory.nullable(),
});
export type ExtractedMemory = z.infer<typeof ExtractedMemory>;
/** `method`: by the language model, or by the rules of docs/memory.md where there is none or it failed. */
export const ExtractedMemories = z
  .strictObject({ method: z.enum(['model', 'rules']), data: z.array(ExtractedMemory) })
  .meta({ id: 'ExtractedMemories' });
export type ExtractedMemories = z.infer<typeof ExtractedMemories>;
