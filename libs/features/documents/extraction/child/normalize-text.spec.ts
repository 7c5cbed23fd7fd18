import fc from 'fast-check';
import { normalizeText } from './normalize-text.js';

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\r', '\n', '\r\n', ' ', '\t', '\0', '\ufeff', '\u0301', '\u2028', '\u2000', '\ud83d', '\ude00', 'e'),
    ),
  )
  .map((parts) => parts.join(''));

describe('normalizeText', () => {
  it('gives a clean text, and the same again when applied twice', () => {
    fc.assert(
      fc.property(hostile, (raw) => {
        const text = normalizeText(raw);

        expect(normalizeText(text)).toBe(text);
        expect(text.normalize('NFC')).toBe(text);
        expect(text).not.toMatch(/[\0-\u0008\r\ufeff\u2028]|\p{Surrogate}|\n\n\n|[ \t\u00a0]\n|^\n|\n$/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps what is inside a line', () => {
    expect(normalizeText('  a \t b  \n\n\n\n  c')).toBe('  a \t b\n\n  c');
  });

  // In quadratic time it would take hours.
  it('ends on five million spaces and on as many empty lines', () => {
    expect(normalizeText(`a${' '.repeat(5_000_000)}b`)).toHaveLength(5_000_002);
    expect(normalizeText(`a${'\n'.repeat(5_000_000)}b`)).toBe('a\n\nb');
    expect(normalizeText(`a${' \n'.repeat(5_000_000)}`)).toBe('a');
  });
});
