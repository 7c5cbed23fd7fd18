import type { MemoryReview, MemoryReviewId } from '@atrium/contracts';
import { NotFound } from '@atrium/platform/errors';
import { hasEnded } from './contradiction.js';
import { endOf, type MemoryRow, toMemory } from './memory.js';
import type { ReviewRow } from './review.repository.js';

export interface Reviewed {
  review: ReviewRow;
  proposed: MemoryRow;
  existing: MemoryRow;
}

/** Whether one of its sides holds no longer: nothing is left to decide. */
export function isMoot({ proposed, existing }: Pick<Reviewed, 'proposed' | 'existing'>): boolean {
  return [proposed, existing].some((one) => hasEnded({ validTo: endOf(one) }));
}

/** Null when one of its sides is gone. `names` are those of the namespaces by id. */
export function toReview(row: ReviewRow, sides: readonly MemoryRow[], names: ReadonlyMap<string, string>): MemoryReview | null {
  const side = (id: string) => {
    const memory = sides.find((one) => one.id === id);
    return memory ? toMemory(memory, names.get(memory.namespaceId) ?? '') : null;
  };
  const [proposed, existing] = [side(row.proposedId), side(row.existingId)];
  if (!proposed || !existing) return null;
  return {
    id: row.id as MemoryReviewId,
    status: row.status as MemoryReview['status'],
    reason: row.reason as MemoryReview['reason'],
    proposed,
    existing,
    decidedBy: row.decidedByKind === null ? null : { kind: row.decidedByKind as 'user' | 'agent', id: row.decidedById },
    decidedAt: row.decidedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export const reviewNotFound = () =>
  new NotFound('memory.review_not_found', 'There is no such review, or you may not read both of its sides.');
