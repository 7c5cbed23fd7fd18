import { exactQuote } from './quote.js';

const SOURCE = 'The provider’s team replies within four\nhours — “always”, it says (see §4.2). Costs: $5 [net].';

describe('exactQuote', () => {
  it.each([
    ['replies within', 'replies within'],
    ['replies within four hours', 'replies within four\nhours'],
    ["The provider's team", 'The provider’s team'],
    ['hours - "always", it says', 'hours — “always”, it says'],
    ['... it says (see §4.2). Costs: $5 [net].', 'it says (see §4.2). Costs: $5 [net].'],
    ['  four  hours  ', 'four\nhours'],
  ])('finds %j', (quote, exact) => {
    expect(exactQuote(SOURCE, quote)).toBe(exact);
    expect(SOURCE).toContain(exact);
  });

  it.each(['replies within five hours', 'Replies within', 'the', '', '…', '.*', '(.+)+$', 'hours always'])('does not find %j', (quote) => {
    expect(exactQuote(SOURCE, quote)).toBeNull();
  });
});
