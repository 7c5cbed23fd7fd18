import { named, plainText, titled, withoutHidden } from './name.js';

const judge = (given: string) => named(80).safeParse(given);

describe('named', () => {
  it.each([
    ['Latin', 'Łukasz O’Neill-Müller 2'],
    ['Persian with a non-joiner', 'می\u200cخواهم'],
    ['Sinhala with a joiner', 'ශ්\u200dරී'],
    ['Bengali with a joiner before its sign', 'র\u200d্য'],
    ['Hindi', 'क्\u200dष'],
    ['Hebrew and digits', 'צוות 7'],
    ['a family', '👩\u200d👩\u200d👧\u200d👦'],
    ['a profession with a skin tone', '👩🏽\u200d⚕\ufe0f'],
    ['a heart', '❤\ufe0f'],
    ['a rainbow flag', '🏳\ufe0f\u200d🌈'],
    ['a keycap', '1\ufe0f\u20e3'],
    ['the flag of Scotland', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}'],
    ['a variant of a Han character', '葛\u{e0100}'],
  ])('takes %s as it is', (_what, given) => {
    expect(judge(given)).toEqual({ success: true, data: given });
  });

  it.each([
    ['a right-to-left override', 'invoice\u202excod.exe'],
    ['an embedding', '\u202bgeneral\u202c'],
    ['an isolate', 'gene\u2066ral\u2069'],
    ['direction marks', 'general\u200e'],
    ['an Arabic letter mark', 'gen\u061ceral'],
    ['a zero width space', 'gen\u200beral'],
    ['a joiner between Latin letters', 'gen\u200deral'],
    ['a non-joiner between Latin letters', 'gen\u200ceral'],
    ['a non-joiner at an end', 'می\u200c'],
    ['a word joiner', 'gen\u2060eral'],
    ['a byte order mark', 'gen\ufeffral'],
    ['a soft hyphen', 'gen\u00aderal'],
    ['a Hangul filler', 'general\u3164'],
    ['a variation selector after a letter', 'general\ufe0f'],
    ['hidden tags', 'general\u{e0041}\u{e0042}'],
    ['hidden tags after a flag', '🏴\u{e0069}\u{e0067}\u{e006e}\u{e007f}'],
    ['a control character of C1', 'gen\u0085eral'],
    ['a line separator', 'gen\u2028eral'],
    ['nothing but a Braille blank', '\u2800'],
    ['nothing but accents', '\u0301\u0302'],
    ['nothing but spaces', ' \u3000 '],
  ])('refuses %s', (_what, given) => {
    expect(judge(given).success).toBe(false);
  });

  it('says why', () => {
    const said = judge('gen\u200beral').error?.issues.map(({ message }) => message);

    expect(said).toEqual(['must not contain invisible characters or ones that change the direction of text']);
  });

  it('makes one name of those that only their encoding tells apart, before it is measured', () => {
    expect(judge(' u\u0308ber ').data).toBe('über');
    expect(judge('u\u0308'.repeat(80)).data).toBe('ü'.repeat(80));
    expect(judge('ü'.repeat(81)).success).toBe(false);
  });
});

it('takes hidden signs out of a text and leaves those that are meant', () => {
  expect(withoutHidden('a\u202eb می\u200cخ ❤\ufe0f', '_')).toBe('a_b می\u200cخ ❤\ufe0f');
});

describe('titled', () => {
  it.each([
    ['inv\u202efdp.exe', 'invfdp.exe'],
    [' pas\u00adted\u200b\ufeff ', 'pasted'],
    ['u\u0308ber', 'über'],
    ['می\u200cخواهم 👩\u200d👩\u200d👧 ❤\ufe0f', 'می\u200cخواهم 👩\u200d👩\u200d👧 ❤\ufe0f'],
  ])('takes %j as what one sees of it', (given, kept) => {
    expect(titled(300).parse(given)).toBe(kept);
  });

  it.each(['\u200b\u200b', '\u202e', '\u2800', ' ', 'two\nlines', 'two\u2028lines', 'a\u0085b', 'nul\0', '\ud800'])(
    'refuses %j',
    (given) => {
      expect(titled(300).safeParse(given).success).toBe(false);
    },
  );
});

it('takes hidden signs out of a topic, and leaves its lines', () => {
  expect(plainText(250).parse('one\u202e\n\u200btwo')).toBe('one\ntwo');
  expect(plainText(250).parse('\u200b')).toBe('');
});
