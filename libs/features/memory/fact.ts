import { createHash } from 'node:crypto';
import { shown } from '@atrium/contracts';

/**
 * Text as facts are compared: signs that show nothing taken out, compatibility forms made plain, case folded, white space as one space,
 * without the full stop, quotes and dashes around it. Any script; accents count.
 */
export function foldFact(text: string): string {
  return shown(text)
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[\s\p{Cf}]+/gu, ' ')
    .replace(/^[\s"'“”„‘’«»]+|[\s"'“”„‘’«».!。]+$/gu, '')
    .replace(/[_\s-]+/gu, ' ')
    .trim();
}

/** What a fact is about: two facts of one slot that say different things cannot both hold. Null for free text. */
export interface Slot {
  subject: string;
  predicate: string;
}

/** A fact has a slot only with both, subject and predicate. */
export function slotOf(subject: string | null, predicate: string | null): Slot | null {
  const slot = { subject: foldFact(subject ?? ''), predicate: foldFact(predicate ?? '') };
  return slot.subject === '' || slot.predicate === '' ? null : slot;
}

/** The same for the same fact told to the same readers. */
export function factKey(readers: readonly string[], slot: Slot | null, content: string): string {
  const parts = [[...readers].sort(), slot?.subject ?? '', slot?.predicate ?? '', foldFact(content)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Predicates of which a subject can have several at once; every other has one value at a time. */
const MANY_VALUED = new Set(
  [
    [
      'likes',
      'loves',
      'enjoys',
      'dislikes',
      'does not like',
      'hates',
      'prefers',
      'avoids',
      'wants',
      'needs',
      'allergic to',
      'is allergic to',
      'interested in',
    ],
    ['speaks', 'knows', 'can', 'uses', 'owns', 'has', 'has skill', 'skill', 'has child', 'has pet', 'pet', 'hobby'],
    ['member of', 'friend of', 'works with', 'knows about', 'visited', 'read', 'watched', 'attended', 'said', 'asked', 'note'],
  ].flat(),
);

export const isManyValued = (slot: Slot): boolean => MANY_VALUED.has(slot.predicate);
