import { foldFact } from './fact.js';

/** How much of the words of two texts must be the same for the rest to matter. */
const ALIKE = 0.6;
const NEGATIONS = new Set(
  [
    'not',
    'no',
    'never',
    'none',
    'nobody',
    'nothing',
    'cannot',
    'without',
    'nor',
    'isnt',
    'arent',
    'wasnt',
    'dont',
    'doesnt',
    'didnt',
  ].concat(
    ['wont', 'cant', 'shouldnt', 'mustnt', 'hasnt', 'havent', 'stopped', 'nicht', 'kein', 'keine', 'nie', 'ne', 'pas', 'jamais'],
    ['не', 'нет', 'никогда', 'ні', 'nunca', 'sin'],
  ),
);
const OPPOSITES = new Map(
  [
    ['love', 'hate'],
    ['loves', 'hates'],
    ['like', 'dislike'],
    ['likes', 'dislikes'],
    ['like', 'hate'],
    ['likes', 'hates'],
    ['love', 'dislike'],
    ['loves', 'dislikes'],
    ['always', 'never'],
    ['before', 'after'],
    ['enabled', 'disabled'],
    ['open', 'closed'],
    ['on', 'off'],
    ['true', 'false'],
    ['yes', 'no'],
    ['allowed', 'forbidden'],
    ['required', 'optional'],
    ['cheap', 'expensive'],
    ['morning', 'evening'],
    ['public', 'private'],
    ['up', 'down'],
    ['left', 'right'],
    ['accepts', 'refuses'],
    ['accept', 'refuse'],
  ].flatMap(([a = '', b = '']) => [
    [`${a} ${b}`, true],
    [`${b} ${a}`, true],
  ]),
);

/** By what two texts differ that say nearly the same otherwise. */
type Difference = 'words' | 'numbers';

/**
 * By what two free texts differ that say nearly the same but for a negation, an opposite (`words`) or a number: `We ship on Monday` and `We
 * do not ship on Monday`. Null of any others. A hint for a person to look, never a reason to retire anything.
 */
export const differenceOf = (a: string, b: string): Difference | null => wordsDiffer(wordsOf(a), wordsOf(b));

export function wordsDiffer(first: Words, second: Words): Difference | null {
  const only = (one: Words, other: Words) => [...one.plain].filter((word) => !other.plain.has(word));
  const [onlyFirst, onlySecond] = [only(first, second), only(second, first)];
  const opposites = onlyFirst.filter((word) => onlySecond.some((other) => OPPOSITES.has(`${word} ${other}`))).length;
  const common = [...first.plain].filter((word) => second.plain.has(word)).length;
  const all = common + onlyFirst.length + onlySecond.length - 2 * opposites;
  if (common < 2 || common / all < ALIKE) return null;
  const negated = first.negations % 2 !== second.negations % 2;
  if (opposites > 0) return negated ? null : 'words';
  const sameRest = onlyFirst.length + onlySecond.length === 0;
  if (first.numbers !== second.numbers) return sameRest && !negated && first.numbers !== '' && second.numbers !== '' ? 'numbers' : null;
  return negated ? 'words' : null;
}

export interface Words {
  plain: Set<string>;
  negations: number;
  numbers: string;
}

/** Words that say little about what a text is about. */
const FILLERS = new Set(['a', 'an', 'the', 'do', 'does', 'did', 'is', 'are', 'was', 'will', 'any', 'more', 'anymore']);

export function wordsOf(text: string): Words {
  const words = foldFact(text)
    .replace(/['’]/g, '')
    .match(/\p{Script=Han}|[\p{L}\p{M}]+|\p{N}+([.,:]\p{N}+)*/gu);
  const all: string[] = words ?? [];
  const isNumber = (word: string) => /^\p{N}/u.test(word);
  return {
    plain: new Set(all.filter((word) => !NEGATIONS.has(word) && !FILLERS.has(word) && !isNumber(word))),
    negations: all.filter((word) => NEGATIONS.has(word)).length,
    numbers: all.filter(isNumber).join(' '),
  };
}
