import type { MemoryReview } from '@atrium/contracts';
import { foldFact } from './fact.js';
import { differenceOf } from './similar-words.js';

export type Doubt = MemoryReview['reason'];

/** How many facts that a new one touches, but does not end, it is asked about at most: those that begin last. */
const MAX_DOUBTS = 3;

/** A fact that is to be remembered. */
export interface NewFact {
  content: string;
  /** Sorted keys of who may read it. */
  readers: readonly string[];
  level: string;
  confidence: number;
  validFrom: Date;
}

/** A fact that is known, readable by who tells the new one. */
export interface KnownFact extends NewFact {
  id: string;
  validTo: Date | null;
  /** Whether who tells the new fact may change this one. */
  changeable: boolean;
}

/**
 * What a new fact means for those known. `same`: it is one of them. `new`: it takes its place from `validFrom` to `validTo`, ends those
 * that it `retires`, and whether it replaces those in `doubts` is for a person to say.
 */
export type Verdict =
  | { kind: 'same'; id: string }
  | { kind: 'new'; retires: string[]; doubts: KnownDoubt[]; validTo: Date | null; supersededBy: string | null };

/** A known fact that contradicts. `isProposed`: it has more readers than the new fact, so it is the one that may take the other's place. */
interface KnownDoubt {
  id: string;
  reason: Doubt;
  isProposed?: true;
}

/**
 * The rules for facts with subject and predicate of which one value holds at a time (docs/memory.md). `known` are the facts of its slot.
 * Facts that are told to different readers do not end each other. Where one is read by all who read the other, they are a conflict.
 */
export function judgeFact(fact: NewFact, known: readonly KnownFact[]): Verdict {
  const [told, others] = [known.filter((one) => hasSameReaders(one, fact)), known.filter((one) => !hasSameReaders(one, fact))];
  const holding = told.filter((one) => holdsAt(one, fact.validFrom));
  const same = holding.find((one) => saysTheSame(one, fact));
  if (same) return { kind: 'same', id: same.id };
  const next = told.filter((one) => one.validFrom > fact.validFrom).sort(byStart)[0];
  const judged = holding.map((one) => ({ one, reason: doubtAbout(fact, one) }));
  const contrary = others.filter((one) => !hasEnded(one) && holdsAt(one, fact.validFrom) && !saysTheSame(one, fact));
  const doubts = [
    ...judged.flatMap(({ one, reason }) => (reason && !hasEnded(one) ? [{ id: one.id, reason }] : [])),
    ...contrary
      .sort(byStart)
      .flatMap((one) => conflict(fact, one, 'other_readers') ?? [])
      .slice(-MAX_DOUBTS),
  ];
  return {
    kind: 'new',
    retires: judged.filter(({ reason }) => reason === null).map(({ one }) => one.id),
    // Of a fact that has ended already, and of those that have, nothing is left to decide.
    doubts: next ? [] : doubts,
    validTo: next?.validFrom ?? null,
    supersededBy: next?.id ?? null,
  };
}

/** The rules for free text, and for predicates of several values: nothing is retired. `known` are facts that are similar or of its slot. */
export function judgeText(fact: NewFact, known: readonly KnownFact[]): Verdict {
  const holding = known.filter((one) => one.validTo === null || holdsAt(one, fact.validFrom));
  const same = holding.find((one) => hasSameReaders(one, fact) && saysTheSame(one, fact));
  if (same) return { kind: 'same', id: same.id };
  const differing = holding.map((one) => ({ one, by: differenceOf(one.content, fact.content) }));
  // Two that differ from it by a number alone differ from each other so: they count something, and none of them is at fault.
  const isOneOfMany = differing.filter(({ by }) => by === 'numbers').length > 1;
  const contrary = differing
    .flatMap(({ one, by }) => (by === 'words' || (by === 'numbers' && !isOneOfMany) ? [one] : []))
    .sort(byStart)
    .slice(-MAX_DOUBTS);
  const doubts = contrary.flatMap((one) =>
    hasSameReaders(one, fact) ? { id: one.id, reason: 'similar_words' as const } : (conflict(fact, one, 'similar_words') ?? []),
  );
  return { kind: 'new', retires: [], doubts, validTo: null, supersededBy: null };
}

/** Why a person should look before `known` ends for `fact`; null when the rule is plain: the later one of those who may say so holds. */
function doubtAbout(fact: NewFact, known: KnownFact): Doubt | null {
  if (!known.changeable) return 'someone_elses';
  return fact.confidence < known.confidence ? 'less_certain' : null;
}

/** Two facts told to different readers: null unless all who read one of them read the other. What the organization says of the system's is asked of that. */
function conflict(fact: NewFact, known: KnownFact, reason: Doubt): KnownDoubt | null {
  if (fact.level === 'organization' && known.level === 'system') return { id: known.id, reason: 'system' };
  if (isReadWith(known, fact)) return { id: known.id, reason };
  return isReadWith(fact, known) ? { id: known.id, reason, isProposed: true } : null;
}

/** Whether all who read `one` read `other` as well: for sure, for those whom a fact is shared with may be guests, who do not read what `org` may. */
export function isReadWith(one: Pick<NewFact, 'readers'>, other: Pick<NewFact, 'readers'>): boolean {
  if (other.readers.includes('everyone')) return true;
  if (other.readers.includes('org') && isOwnersAlone(one)) return true;
  return one.readers.every((reader) => other.readers.includes(reader));
}

const isOwnersAlone = ({ readers: [only, ...others] }: Pick<NewFact, 'readers'>) =>
  others.length === 0 && only?.startsWith('user:') === true;
export const holdsAt = ({ validFrom, validTo }: Pick<KnownFact, 'validFrom' | 'validTo'>, at: Date): boolean =>
  validFrom <= at && (validTo === null || validTo > at);
export const hasEnded = ({ validTo }: Pick<KnownFact, 'validTo'>): boolean => validTo !== null && validTo <= new Date();
const hasSameReaders = (a: NewFact, b: NewFact) => a.readers.join() === b.readers.join();
const saysTheSame = (a: NewFact, b: NewFact) => foldFact(a.content) === foldFact(b.content);
const byStart = (a: KnownFact, b: KnownFact) => a.validFrom.getTime() - b.validFrom.getTime();
