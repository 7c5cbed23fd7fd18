import { v7 as uuidv7 } from 'uuid';
import type {
  CreatePattern,
  Metadata,
  Pattern,
  PatternId,
  PatternStatus,
  PatternUsage,
  PatternUsageId,
  RecordUsage,
  UserId,
} from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Invalid, NotFound } from '@atrium/platform/errors';
import { accessColumns, accessOf } from '@atrium/platform/search';
import { type OrgContext, viaColumns, viaOf } from '@atrium/platform/tenancy';
import { later } from '@atrium/platform/http';
import { authorOf, personBehind } from '../access.js';
import { isDemoted, wilson } from './pattern-rate.js';

export type PatternRow = NonNullable<Awaited<ReturnType<Tx['pattern']['findFirst']>>>;
export type UsageRow = NonNullable<Awaited<ReturnType<Tx['patternUsage']['findFirst']>>>;

export function toPattern(row: PatternRow): Pattern {
  return {
    id: row.id as PatternId,
    name: row.name,
    situation: row.situation,
    action: row.action,
    access: accessOf(row),
    tags: row.tags,
    metadata: row.metadata as Metadata,
    status: row.status as PatternStatus,
    usages: row.usages,
    successes: row.successes,
    successRate: row.usages === 0 ? null : row.successes / row.usages,
    confidence: wilson(row.successes, row.usages).lower,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    ownerId: row.ownerId as UserId,
    createdBy: authorOf(row),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function toUsage(row: UsageRow): PatternUsage {
  return {
    id: row.id as PatternUsageId,
    patternId: row.patternId as PatternId,
    outcome: row.succeeded ? 'success' : 'failure',
    note: row.note,
    durationMs: row.durationMs,
    usedAt: row.usedAt.toISOString(),
    usedBy: {
      kind: row.usedByKind as 'user' | 'agent',
      id: row.usedById,
      onBehalfOf: row.onBehalfOf as UserId | null,
      via: viaOf(row),
    },
    createdAt: row.createdAt.toISOString(),
  };
}

/** Who does this: a person, or an agent on behalf of one. */
function doer(ctx: OrgContext): { kind: 'user' | 'agent'; id: string } {
  const { kind, id } = ctx.principal;
  if (kind === 'system') throw new Error('patterns belong to persons');
  return { kind, id };
}

export function newPattern(ctx: OrgContext, input: CreatePattern): PatternRow {
  const ownerId = personBehind(ctx);
  const { kind, id } = doer(ctx);
  const at = new Date();
  return {
    orgId: ctx.orgId,
    id: uuidv7(),
    ownerId,
    createdByKind: kind,
    createdById: id,
    ...viaColumns(ctx),
    name: input.name,
    situation: input.situation,
    action: input.action,
    ...accessColumns(ownerId, input.access ?? { level: 'private', grants: [] }),
    tags: input.tags,
    metadata: input.metadata,
    status: 'active',
    usages: 0,
    successes: 0,
    confidence: 0,
    lastUsedAt: null,
    createdAt: at,
    updatedAt: at,
  };
}

/** @throws Invalid `memory.pattern_used_later` for a time to come. */
export function newUsage(ctx: OrgContext, patternId: string, { outcome, note, durationMs, usedAt }: RecordUsage): UsageRow {
  const { kind, id } = doer(ctx);
  const at = new Date();
  const when = usedAt === undefined ? at : new Date(usedAt);
  if (when > at)
    throw new Invalid('memory.pattern_used_later', 'A usage is recorded once it has ended.', {
      places: [{ pointer: '/usedAt', message: 'must not be in the future' }],
    });
  return {
    orgId: ctx.orgId,
    id: uuidv7(),
    patternId,
    succeeded: outcome === 'success',
    note,
    durationMs: durationMs ?? null,
    usedAt: when,
    usedByKind: kind,
    usedById: id,
    onBehalfOf: kind === 'agent' ? personBehind(ctx) : null,
    ...viaColumns(ctx),
    createdAt: at,
  };
}

/** The pattern after one more usage. What was put aside stays so. */
export function afterUsage(row: PatternRow, { succeeded, usedAt }: UsageRow): PatternRow {
  const usages = row.usages + 1;
  const successes = row.successes + (succeeded ? 1 : 0);
  return {
    ...row,
    usages,
    successes,
    confidence: confidenceOf(successes, usages),
    status: row.status === 'archived' ? 'archived' : statusOf(successes, usages),
    lastUsedAt: row.lastUsedAt && row.lastUsedAt > usedAt ? row.lastUsedAt : usedAt,
    updatedAt: later(row.updatedAt),
  };
}

/** As its usages say. */
export const statusOf = (successes: number, usages: number): PatternStatus => (isDemoted(successes, usages) ? 'demoted' : 'active');
const confidenceOf = (successes: number, usages: number) => Math.round(wilson(successes, usages).lower * 10_000);

export const patternNotFound = () => new NotFound('memory.pattern_not_found', 'There is no such pattern, or you may not read it.');
