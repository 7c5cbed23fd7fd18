import { pageAt, quoteIn } from './quote.js';

const text = 'Before. The fee is 150 euros\nper (small) purchase. After.';
const passage = [text.indexOf('The'), text.indexOf(' After')] as const;

describe('quoteIn', () => {
  it('finds a quote letter by letter, and says where', () => {
    const found = quoteIn(text, ...passage, '150 euros');

    expect(found).toEqual({ start: 19, end: 28, quote: '150 euros' });
  });

  it('finds one that differs in white space only, and gives what the text says', () => {
    const found = quoteIn(text, ...passage, '150  euros per (small) purchase.');

    expect(found?.quote).toBe('150 euros\nper (small) purchase.');
    expect(text.slice(found?.start, found?.end)).toBe(found?.quote);
  });

  it.each(['Before.', 'After', '250 euros', 'the fee', '.*', '', '   '])('does not find %j in the passage', (quote) => {
    expect(quoteIn(text, ...passage, quote)).toBeNull();
  });

  it('finds nothing in a place that the text does not have', () => {
    expect(quoteIn(text, -5, 10, 'Before')).toBeNull();
    expect(quoteIn(text, 0, text.length + 1, 'Before')).toBeNull();
    expect(quoteIn(text, 10, 10, 'fee')).toBeNull();
  });
});

describe('pageAt', () => {
  const pages = [
    { number: 1, start: 0 },
    { number: 2, start: 10 },
    { number: 3, start: 25 },
  ];

  it.each([
    [0, 1],
    [9, 1],
    [10, 2],
    [1_000, 3],
  ])('says on which page the place %i stands', (start, page) => {
    expect(pageAt(pages, start)).toBe(page);
  });

  it('is null without pages', () => expect(pageAt([], 5)).toBeNull());
});
