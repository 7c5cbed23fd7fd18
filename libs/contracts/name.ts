import { z } from 'zod';
import { line, text } from './common.js';

/** Scripts whose letters join, where ZERO WIDTH JOINER and NON-JOINER change how a word is written. */
const JOINING = [
  ...['Arabic', 'Syriac', 'Mandaic', 'Mongolian', 'Nko', 'Adlam', 'Hanifi_Rohingya', 'Thaana', 'Devanagari', 'Bengali', 'Gurmukhi'],
  ...['Gujarati', 'Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan', 'Balinese', 'Javanese'],
]
  .map((script) => `\\p{scx=${script}}`)
  .join('');

/** Signs that show nothing themselves, where they have a meaning beside what stands before and after them. */
const MEANT = [
  `(?<=[${JOINING}])[\\u200c\\u200d](?=[${JOINING}])`,
  // Emoji: sequences, how they are shown, keycaps, and the flags of England, Scotland and Wales.
  '(?<=\\p{Extended_Pictographic}[\\ufe0f\\p{Emoji_Modifier}]?)\\u200d(?=\\p{Extended_Pictographic})',
  '(?<=\\p{Extended_Pictographic})[\\ufe0e\\ufe0f]',
  '(?<=[0-9#*])\\ufe0f(?=\\u20e3)',
  '(?<=\\u{1f3f4})\\u{e0067}\\u{e0062}(?:\\u{e0065}\\u{e006e}\\u{e0067}|\\u{e0073}\\u{e0063}\\u{e0074}|\\u{e0077}\\u{e006c}\\u{e0073})\\u{e007f}',
  // Variants of one character.
  '(?<=\\p{scx=Han})[\\ufe00-\\ufe02\\u{e0100}-\\u{e01ef}]',
  '(?<=\\p{scx=Mongolian})[\\u180b-\\u180d\\u180f]',
].join('|');

/** A sign that cannot be seen, or turns the direction in which the others are read, and has no business in a name. */
const HIDDEN = '[\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}\\p{Default_Ignorable_Code_Point}]';
const MEANT_OR_HIDDEN = new RegExp(`(${MEANT})|${HIDDEN}`, 'gu');
const SEEN = /[^\p{Z}\p{C}\p{M}\u2800]/u;

/** The text with `instead` in place of each hidden sign. */
export const withoutHidden = (given: string, instead: string) =>
  given.replace(MEANT_OR_HIDDEN, (_sign, meant: string | undefined) => meant ?? instead);

/**
 * What people know a person, a place or a thing by: one line in NFC, so that names which look alike because of how they are encoded are one
 * name, without signs that hide or turn what one reads.
 */
export const named = (maxChars: number) =>
  line(maxChars, z.string().normalize('NFC'))
    .refine(
      (given) => withoutHidden(given, '') === given,
      'must not contain invisible characters or ones that change the direction of text',
    )
    .refine((given) => given === '' || SEEN.test(given), 'must have something to see');

/** In NFC, and hidden signs are taken out, as is fit for what people paste. Line ends stay, so that whoever wants one line can refuse them. */
export const shown = (given: string) =>
  given
    .normalize('NFC')
    .replace(MEANT_OR_HIDDEN, (sign, meant: string | undefined) => meant ?? (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(sign) ? sign : ''));

/** A title: one line in NFC, from which hidden signs are taken; what is left has something to see. */
export const titled = (maxChars: number) =>
  line(maxChars, z.string().overwrite(shown))
    .refine((given) => !/[\u0080-\u009f\u2028\u2029]/.test(given), 'must be one line')
    .refine((given) => given === '' || SEEN.test(given), 'must have something to see');

/** Text that is shown beside a name: as `text`, in NFC, and hidden signs are taken out. */
export const plainText = (maxChars: number) => text(maxChars, z.string().overwrite(shown));
