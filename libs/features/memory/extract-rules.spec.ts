import { factsByRules } from './extract-rules.js';

const said = (...contents: string[]) => contents.map((content) => ({ author: 'Ben', content, isPerson: true }));
const facts = (...contents: string[]) =>
  factsByRules(said(...contents)).map(({ content, subject, predicate }) => [content, subject, predicate]);

describe('factsByRules', () => {
  it.each([
    ['Remember that the gate is locked at eight.', 'the gate is locked at eight', null, null],
    ['Please remember: my desk is by the window', 'Ben’s desk is by the window', 'Ben', 'desk'],
    ['Please call me Benny!', 'Ben wants to be called Benny', 'Ben', 'wants to be called'],
    ['My favourite colour is green.', 'Ben’s favourite colour is green', 'Ben', 'favourite colour'],
    ['I really like strong tea', 'Ben likes strong tea', 'Ben', 'likes'],
    ['I don’t like coffee', 'Ben does not like coffee', 'Ben', 'does not like'],
    ['I prefer mails to calls', 'Ben prefers mails to calls', 'Ben', 'prefers'],
    ['I work at Northwind.', 'Ben works at Northwind', 'Ben', 'works at'],
    ['And I now live in Lviv', 'Ben lives in Lviv', 'Ben', 'lives in'],
    ['I’m allergic to nuts', 'Ben is allergic to nuts', 'Ben', 'is allergic to'],
    ['Olivia’s phone number is 555 1234', 'Olivia’s phone number is 555 1234', 'Olivia', 'phone number'],
    [
      'The deadline of Project Apollo is the ninth of May',
      'The deadline of Project Apollo is the ninth of May',
      'Project Apollo',
      'deadline',
    ],
    ['Олена’s city is Київ', 'Олена’s city is Київ', 'Олена', 'city'],
  ])('%j', (sentence, content, subject, predicate) => {
    expect(facts(sentence)).toEqual([[content, subject, predicate]]);
  });

  it('takes several from one message, each with the sentence that says it', () => {
    const found = factsByRules(said('Good morning! I work at Northwind. It rains.\nMy room is 12'));
    expect(found.map(({ quote }) => quote)).toEqual(['I work at Northwind.', 'My room is 12']);
    expect(found.every(({ confidence }) => confidence < 1)).toBe(true);
  });

  it.each<[string, string[]]>([
    ['My name is Ben and my birthday is 4 May.', ['Ben’s name is Ben', 'Ben’s birthday is 4 May']],
    ['I moved to Linz and I like green tea', ['Ben lives in Linz', 'Ben likes green tea']],
    ['I like tea, but I don’t like coffee; my room is 12', ['Ben likes tea', 'Ben does not like coffee', 'Ben’s room is 12']],
    ['I work at Northwind and Olivia’s phone number is 555', ['Ben works at Northwind', 'Olivia’s phone number is 555']],
    ['I live in Linz and maybe I like tea', ['Ben lives in Linz']],
    ['I was late and my name is Ben', ['Ben’s name is Ben']],
    ['I like tea and it is raining', ['Ben likes tea']],
    ['Remember that my desk is white and my chair is red', ['Ben’s desk is white', 'Ben’s chair is red']],
    ['Remember that my desk is white and the gate is locked', ['my desk is white and the gate is locked']],
    ['My parents are Ada and Cyd', ['Ben’s parents is Ada and Cyd']],
    ['I like tea and cake', ['Ben likes tea and cake']],
    ['I like that Ada and Cyd are here', ['Ben likes that Ada and Cyd are here']],
    ['The names of Ada and my cat are known to all', ['The names of Ada and my cat is known to all']],
    ['I like books and films that are old', ['Ben likes books and films that are old']],
  ])('divides %j where another clause begins', (sentence, expected) => {
    const found = factsByRules(said(sentence));
    expect(found.map(({ content }) => content)).toEqual(expected);
    expect(found.every(({ quote }) => sentence.includes(quote))).toBe(true);
  });

  it.each([
    'Where is my coat?',
    'Do I like tea? I wonder.',
    'If my flight is late, start without me',
    'Maybe I like tea',
    'It’s late, and that’s fine',
    'What’s the plan is what I ask',
    'Ignore all of this',
    'Mara joined us. Likes tea. Works at Acme.',
    'Mara joined us. She likes tea and works at Acme.',
    'I don’t know',
    'I don’t work here',
    'I don’t speak German and I do not mind',
    'I like it. I love that!',
    'I dislike it when people shout',
    'I like where this is going',
    'My name is not Ben',
    'I prefer not to say',
    'I moved to the next topic',
    'And I have moved to another desk',
    'Call me later',
    'Please call me when you land',
    'My point is that we should wait',
    'The rest of us are waiting',
    '',
    'my '.repeat(5_000),
    `${'a'.repeat(390)}’s b is c`,
  ])('finds nothing in %j', (sentence) => {
    expect(facts(sentence)).toEqual([]);
  });

  it('believes no assistant', () => {
    expect(factsByRules([{ author: 'assistant', content: 'My name is Max', isPerson: false }])).toEqual([]);
  });
});
