import type { Match } from '@atrium/platform/search';
import { bestSentence, onlyAsks, sentencesOf } from './sentences.js';

const textsOf = (text: string) => sentencesOf(text).map(({ start, end }) => text.slice(start, end));
const matchesOf = (text: string, ...words: string[]): Match[] =>
  words
    .flatMap((term) =>
      [...text.toLowerCase().matchAll(new RegExp(term, 'g'))].map(({ index }) => ({ start: index, end: index + term.length, term })),
    )
    .sort((a, b) => a.start - b.start);
const bestOf = (text: string, ...words: string[]) => {
  const best = bestSentence(text, matchesOf(text, ...words));
  return best && text.slice(best.span.start, best.span.end);
};

describe('sentencesOf', () => {
  it('splits at ends of sentences, blank lines and list items only', () => {
    expect(textsOf('One is 3.5 m, e.g. here. “Two?” Three!\nstill four\n\n# Five\n- six\n- seven. Mr. Smith came. ')).toEqual([
      'One is 3.5 m, e.g. here.',
      '“Two?”',
      'Three!',
      'still four',
      '# Five',
      '- six',
      '- seven.',
      'Mr. Smith came.',
    ]);
    expect(textsOf('一つ目です。二つ目です。')).toEqual(['一つ目です。', '二つ目です。']);
    expect(sentencesOf('  \n ')).toEqual([]);
  });

  it.each(['A sentence of a long line. ', 'no end ', '.', ' | ', 'a | b\n', '\n'])(
    'is through 600,000 characters of %j at once',
    (part) => {
      expect(sentencesOf(`${part.repeat(600_000 / part.length)}end`).length).toBeGreaterThan(0);
    },
  );
});

describe('bestSentence', () => {
  const text = 'Holidays are good. Every employee has thirty days of holidays a year. Holidays, holidays, holidays! A year has days.';

  it('takes the sentence with most different words of the question', () => {
    expect(bestOf(text, 'holidays', 'year', 'days')).toBe('Every employee has thirty days of holidays a year.');
  });

  it('is null when no sentence holds a word', () => {
    expect(bestOf(text, 'salary')).toBeNull();
    expect(bestOf('', 'x')).toBeNull();
  });

  it('prefers a sentence of readable length, and cuts a long one between words when there is no other', () => {
    const long = `budget ${'words of the budget and the plan '.repeat(30)}`;
    expect(bestOf(`${long}. The budget is small.`, 'budget', 'plan')).toBe('The budget is small.');
    const cut = bestOf(long, 'budget');
    expect(cut?.length).toBeLessThanOrEqual(400);
    expect(long.startsWith(`${cut} `)).toBe(true);
  });

  it('reads a question together with what follows it, and leaves out one that nothing follows', () => {
    const asked = 'How long are holidays? Thirty days. Who asks for holidays?';
    expect(bestOf(asked, 'holidays', 'how long')).toBe('How long are holidays? Thirty days.');
    expect(bestOf('How long are holidays?', 'holidays')).toBeNull();
    expect(['When? Why?', '“How long are holidays?”', '何ですか？'].map(onlyAsks)).toEqual([true, true, true]);
    expect(['', 'When? Now.', 'Now.'].map(onlyAsks)).toEqual([false, false, false]);
  });

  it('takes the row of a table whose heading holds the other words', () => {
    const table =
      'Response times are short.\n\nSeverity | Example | First response\nCritical | No data | 15 minutes\nLow | A typo | 3 days\n\nThe end.';
    expect(bestOf(table, 'first', 'response', 'critical')).toBe('Critical | No data | 15 minutes');
  });
});
