import { questionInThread, questionOf, searchTextOf } from './question.js';
import { relevant } from './relevance.js';

describe('searchTextOf', () => {
  it.each([
    ['@assistant could you please tell me how many holidays we have?', 'you me how holidays we have?'],
    ['Hello @Assistant, please help', 'Hello  , please help'],
    ['@assistant', ''],
    ['mail to x@assistant.com', 'mail to x@assistant.com'],
  ])('%j → %j', (question, text) => expect(searchTextOf(question)).toBe(text));

  it('leaves the question to the model as it is', () => {
    expect(questionOf('Hi @assistant,  what is new?')).toBe('Hi , what is new?');
  });
});

describe('questionInThread', () => {
  const hotel = '@assistant What may a hotel in London cost?';
  it.each([
    ['@assistant and in Paris?', [hotel], `${hotel} @assistant and in Paris?`],
    ['and in Rome?', [hotel, 'and in Paris?'], `${hotel} and in Rome?`],
    ['and Rome?', ['London?', 'and Paris?'], 'London? and Rome?'],
    ['and in Paris?', [], 'and in Paris?'],
    ['Who signs the contract with the caterer?', [hotel], 'Who signs the contract with the caterer?'],
  ])('%j after %j → %j', (question, earlier, sought) => expect(questionInThread(question, earlier)).toBe(sought));
});

describe('relevant', () => {
  const match = (term: string) => ({ start: 0, end: 1, term });

  it('takes nothing unless one passage holds half of the words', () => {
    const passages = [{ score: 9 }, { score: 5 }, { score: 1 }];
    const terms = ['a', 'b', 'c', 'd'];
    expect(relevant(passages, terms, [[match('a'), match('a')], [match('b')], []])).toEqual([]);
    expect(relevant(passages, terms, [[match('a')], [match('b'), match('c')], []])).toEqual([{ score: 9 }, { score: 5 }]);
    expect(relevant([], terms, [])).toEqual([]);
  });
});
