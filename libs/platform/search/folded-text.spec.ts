import { foldQuery, foldText, wordsOf } from './folded-text.js';

const words = (text: string) => foldText(text).trim().split(/\s+/);

describe('foldText', () => {
  it('makes letters plain, and leaves what PostgreSQL knows of ASCII', () => {
    expect(foldText('Ünïté — “ﬁne”')).toBe('unite    fine ');
    expect(foldText('See https://example.com/a-b, 3.5 or a_b@c.org')).toBe('see https://example.com/a-b, 3.5 or a_b@c.org');
    expect(foldText('ЁЛКА')).toBe('елка');
  });

  it('keeps the vowel signs of Indic scripts', () => {
    expect(foldText('नीति')).toBe('नीति');
  });

  it('writes an unspaced script as characters and pairs; a query as pairs', () => {
    expect(words('東京都 x')).toEqual(['東', '京', '都', '東京', '京都', 'x']);
    expect(foldQuery('東京都').trim()).toBe('東京 京都');
    expect(foldQuery('都').trim()).toBe('都');
    expect(words('이름')).toEqual(['이', '름', '이름']);
  });
});

describe('wordsOf', () => {
  it('tells where each word stands in the original', () => {
    const text = 'Ünder 東京都 it’s';
    expect(wordsOf(text).map(({ text: word, start, end }) => [word, text.slice(start, end)])).toEqual([
      ['under', 'Ünder'],
      ['東京', '東京'],
      ['京都', '京都'],
      ['it', 'it'],
      ['s', 's'],
    ]);
  });

  it('splits a word where the script changes', () => {
    expect(wordsOf('API設計').map((word) => word.text)).toEqual(['api', '設計']);
  });
});
