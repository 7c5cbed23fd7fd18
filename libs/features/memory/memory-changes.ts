import { Injectable } from '@nestjs/common';
import type { MemoryReview } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { type EventDraft, Events } from '@atrium/platform/events';
import { audienceOf } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { later } from '@atrium/platform/http';

import { type Doubt, isReadWith } from './contradiction.js';
import { EntryRepository, type Step } from './entry.repository.js';
import { endOf, type MemoryRow } from './memory.js';
import { told } from './memory-events.js';
import { MemoryRepository } from './memory.repository.js';
import { MemoryUnits } from './memory-units.js';
import { ReviewRepository, type ReviewRow } from './review.repository.js';

/** The most events of one append. */
const MAX_EVENTS = 500;

/** What a command has changed so far, told at its end: the head of the log is locked as late as can be. */
export interface Changes {
  readonly drafts: EventDraft[];
  readonly steps: Step[];
}
export const noChanges = (): Changes => ({ drafts: [], steps: [] });

/** The ways in which a memory's row changes, each with its place in search, history and log. The namespace is locked. */
@Injectable()
export class MemoryChanges {
  constructor(
    private readonly events: Events,
    private readonly memories: MemoryRepository,
    private readonly entries: EntryRepository,
    private readonly reviews: ReviewRepository,
    private readonly units: MemoryUnits,
  ) {}

  async add(tx: Tx, ctx: OrgContext, row: MemoryRow, namespace: string, changes: Changes): Promise<void> {
    await this.memories.insert(tx, row);
    await this.units.put(tx, ctx, row, namespace);
    changes.steps.push({ kind: 'added', row });
    changes.drafts.push(told('memory.added', row, namespace));
  }

  /** `by` takes its place, from where `by` begins to hold. Answers the row as it is then. */
  async supersede(
    tx: Tx,
    ctx: OrgContext,
    row: MemoryRow,
    by: MemoryRow,
    namespace: string,
    changes: Changes,
    reason?: string,
  ): Promise<MemoryRow> {
    const validTo = by.validFrom > row.validFrom ? by.validFrom : row.validFrom;
    const ended = { ...row, validTo, supersededBy: by.id, updatedAt: later(row.updatedAt) };
    await this.memories.update(tx, ctx, ended);
    await this.units.revalidate(tx, ctx, ended);
    changes.steps.push({ kind: 'superseded', row: ended, otherId: by.id, ...(reason ? { reason } : {}) });
    changes.drafts.push(
      told('memory.superseded', ended, namespace, {
        facts: { supersededBy: by.id },
        changes: { validTo: [row.validTo?.toISOString() ?? null, validTo.toISOString()], supersededBy: [row.supersededBy, by.id] },
      }),
    );
    return ended;
  }

  /** Its time is over: it ends where it expired. */
  async expire(tx: Tx, ctx: OrgContext, row: MemoryRow, namespace: string, changes: Changes): Promise<void> {
    const ended = { ...row, validTo: endOf(row), updatedAt: later(row.updatedAt) };
    await this.memories.update(tx, ctx, ended);
    changes.steps.push({ kind: 'expired', row: ended });
    changes.drafts.push(told('memory.expired', ended, namespace, { changes: { validTo: [null, ended.validTo?.toISOString() ?? null] } }));
  }

  /** Another one that says the same to the same readers and holds; one that has expired ends here. */
  async twinOf(tx: Tx, ctx: OrgContext, row: MemoryRow, namespace: string, changes: Changes): Promise<MemoryRow | null> {
    if (row.validTo !== null) return null;
    const twin = await this.memories.findByFact(tx, ctx, row.namespaceId, row.factKey);
    if (!twin || twin.id === row.id) return null;
    if ((endOf(twin) ?? new Date()) >= new Date()) return twin;
    await this.expire(tx, ctx, twin, namespace, changes);
    return null;
  }

  /** Both hold until somebody has decided; a question that was asked once is not asked again. */
  async openReview(tx: Tx, ctx: OrgContext, proposed: MemoryRow, existing: MemoryRow, reason: Doubt, changes: Changes): Promise<void> {
    const review = await this.reviews.insert(tx, ctx, proposed.id, existing.id, reason);
    if (!review) return;
    changes.steps.push({ kind: 'review_opened', ...sidesOf(proposed, existing), reason });
    changes.drafts.push(toldReview('memory.review_opened', review, proposed, existing));
  }

  async decideReview(
    tx: Tx,
    ctx: OrgContext,
    review: ReviewRow,
    sides: { proposed: MemoryRow; existing: MemoryRow },
    status: Exclude<MemoryReview['status'], 'open'>,
    changes: Changes,
  ): Promise<ReviewRow> {
    const decided = await this.reviews.decide(tx, ctx, review, status, later(review.updatedAt));
    changes.steps.push({ kind: `review_${status}`, ...sidesOf(sides.proposed, sides.existing), reason: review.reason });
    changes.drafts.push({
      ...toldReview('memory.review_decided', decided, sides.proposed, sides.existing),
      changes: { status: ['open', status] },
    });
    return decided;
  }

  /** Writes history and log; the last of a command. */
  async tell(tx: Tx, ctx: OrgContext, { drafts, steps }: Changes): Promise<void> {
    await this.entries.append(tx, ctx, steps);
    for (let at = 0; at < drafts.length; at += MAX_EVENTS) await this.events.appendMany(tx, ctx, drafts.slice(at, at + MAX_EVENTS));
  }
}

/** Where a review stands in the history: with the proposed memory, or with the existing one where fewer read that. */
function sidesOf(proposed: MemoryRow, existing: MemoryRow): { row: MemoryRow; otherId: string } {
  return isReadWith(proposed, existing) ? { row: proposed, otherId: existing.id } : { row: existing, otherId: proposed.id };
}

/** Told to those who may read both memories. */
function toldReview(
  type: 'memory.review_opened' | 'memory.review_decided',
  review: ReviewRow,
  proposed: MemoryRow,
  existing: MemoryRow,
): EventDraft {
  return {
    type,
    subject: { kind: 'memory_review', id: review.id },
    audience: audienceOf(sidesOf(proposed, existing).row),
    data: { reviewId: review.id, status: review.status, reason: review.reason, proposedId: proposed.id, existingId: existing.id },
  };
}
