import type { MemoryReview } from '@atrium/contracts';
import { foldFact } from './fact.js';
import { mayContradict } from './similar-words.js';

export type Doubt = MemoryReview['reason'];

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
  | { kind: 'new'; retires: string[]; doubts: { id: string; reason: Doubt }[]; validTo: Date | null; supersededBy: string | null };

/**
 * The rules for facts with subject and predicate of which one value holds at a time (docs/memory.md). `known` are the facts of its slot.
 * Facts that are told to different readers do not touch each other, but for a fact of the system that the organization would contradict.
 */
export function judgeFact(fact: NewFact, known: readonly KnownFact[]): Verdict {
  const [told, others] = [known.filter((one) => hasSameReaders(one, fact)), known.filter((one) => !hasSameReaders(one, fact))];
  const holding = told.filter((one) => holdsAt(one, fact.validFrom));
  const same = holding.find((one) => saysTheSame(one, fact));
  if (same) return { kind: 'same', id: same.id };
  const next = told.filter((one) => one.validFrom > fact.validFrom).sort(byStart)[0];
  const judged = holding.map((one) => ({ id: one.id, reason: doubtAbout(fact, one) }));
  const system = fact.level === 'organization' ? others.filter((one) => one.level === 'system' && holdsAt(one, fact.validFrom)) : [];
  return {
    kind: 'new',
    retires: judged.filter((one) => one.reason === null).map((one) => one.id),
    doubts: [
      ...judged.flatMap(({ id, reason }) => (reason ? [{ id, reason }] : [])),
      ...system.filter((one) => !saysTheSame(one, fact)).map((one): { id: string; reason: Doubt } => ({ id: one.id, reason: 'system' })),
    ],
    validTo: next?.validFrom ?? null,
    supersededBy: next?.id ?? null,
  };
}

/** The rules for free text, and for predicates of several values: nothing is retired. `known` are facts that are similar or of its slot. */
export function judgeText(fact: NewFact, known: readonly KnownFact[]): Verdict {
  const told = known.filter((one) => hasSameReaders(one, fact) && (one.validTo === null || holdsAt(one, fact.validFrom)));
  const same = told.find((one) => saysTheSame(one, fact));
  if (same) return { kind: 'same', id: same.id };
  const doubts = told
    .filter((one) => mayContradict(one.content, fact.content))
    .map((one) => ({ id: one.id, reason: 'similar_words' as const }));
  return { kind: 'new', retires: [], doubts, validTo: null, supersededBy: null };
}

/** Why a person should look before `known` ends for `fact`; null when the rule is plain: the later one of those who may say so holds. */
function doubtAbout(fact: NewFact, known: KnownFact): Doubt | null {
  if (!known.changeable) return 'someone_elses';
  return fact.confidence < known.confidence ? 'less_certain' : null;
}

export const holdsAt = ({ validFrom, validTo }: Pick<KnownFact, 'validFrom' | 'validTo'>, at: Date): boolean =>
  validFrom <= at && (validTo === null || validTo > at);
const hasSameReaders = (a: NewFact, b: NewFact) => a.readers.join() === b.readers.join();
const saysTheSame = (a: NewFact, b: NewFact) => foldFact(a.content) === foldFact(b.content);
const byStart = (a: KnownFact, b: KnownFact) => a.validFrom.getTime() - b.validFrom.getTime();
