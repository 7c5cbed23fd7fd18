import { estimatedTokens, tokenWeight } from './token-estimate.js';

describe('the estimate of tokens', () => {
  it.each([
    ['x'.repeat(41), 11],
    ['Wie geht’s?', 3],
    ['', 0],
    // A token a character: Chinese, Japanese, Korean, Thai, emoji.
    ['人工智能正在改变世界', 10],
    ['ひらがなとカタカナ', 9],
    ['안녕하세요', 5],
    ['สวัสดี', 6],
    ['😀😀', 2],
    ['𠮷野家', 3],
    // Two characters a token: other alphabets.
    ['Привет', 3],
    ['ελληνικά', 4],
  ])('of %j is %d', (text, tokens) => {
    expect(estimatedTokens(text)).toBe(tokens);
  });

  it('is the same whole and in pieces', () => {
    const text = 'Die Antwort: 四十二 😀 и ещё.';
    const pieces = text.split('').map(tokenWeight);
    expect(pieces.reduce((sum, one) => sum + one, 0)).toBe(tokenWeight(text));
  });
});
