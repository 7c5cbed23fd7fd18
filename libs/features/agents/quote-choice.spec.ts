import { chosenQuotes } from './quote-choice.js';

const quote = (name: string, score: number, ...terms: string[]) => ({ name, score, terms: new Set(terms) });
const namesOf = (quotes: { name: string }[]) => quotes.map(({ name }) => name);

describe('chosenQuotes', () => {
  it('begins with the one that holds most of the words, of equals that of the better passage', () => {
    const [first] = chosenQuotes([quote('better passage', 9, 'a', 'b'), quote('most', 5, 'a', 'b', 'c'), quote('later', 4, 'a', 'b', 'c')]);
    expect(first?.name).toBe('most');
  });

  it('adds one that holds a word which none before it holds, if it says half as much', () => {
    const best = quote('best', 9, 'a', 'b', 'c');
    expect(namesOf(chosenQuotes([best, quote('adds', 2, 'a', 'd'), quote('adds the same', 2, 'b', 'd')]))).toEqual(['best', 'adds']);
    expect(namesOf(chosenQuotes([best, quote('one word', 8, 'd')]))).toEqual(['best']);
    expect(namesOf(chosenQuotes([quote('short', 9, 'a'), quote('one word', 9, 'd'), quote('another', 8, 'e')]))).toEqual([
      'short',
      'one word',
    ]);
  });

  it('adds one that says as much only from a passage that is nearly as good', () => {
    const best = quote('best', 10, 'a', 'b');
    expect(namesOf(chosenQuotes([best, quote('near', 9, 'a', 'b'), quote('far', 8.9, 'a', 'b'), quote('less', 9.9, 'a')]))).toEqual([
      'best',
      'near',
    ]);
  });

  it('chooses none of sentences without a word of the question', () => {
    expect(chosenQuotes([quote('x', 9)])).toEqual([]);
    expect(chosenQuotes([])).toEqual([]);
  });
});
