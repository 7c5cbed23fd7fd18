import { differenceOf } from './similar-words.js';

describe('differenceOf', () => {
  it.each([
    ['I love Chinese food', 'I hate Chinese food'],
    ['We ship on Monday', 'We do not ship on Monday.'],
    ['We ship on Monday', 'we don’t ship on Monday'],
    ['The station buffers 72 hours of readings', 'The station buffers 48 hours of readings'],
    ['The office is open on Friday', 'The office is closed on Friday'],
    ['The office opens at 8:30', 'The office opens at 9:00'],
    ['Ben drinks coffee in the office', 'Ben no longer drinks coffee in the office'],
    ['Мы работаем в пятницу', 'Мы не работаем в пятницу'],
  ])('sees that %j and %j cannot both hold, whichever came first', (a, b) => {
    expect(differenceOf(a, b)).not.toBeNull();
    expect(differenceOf(b, a)).toBe(differenceOf(a, b));
  });

  it.each([
    ['I love Chinese food', 'I love Chinese food'],
    ['I love Chinese food', 'I hate getting up early'],
    ['Ben works at Northwind as head of support', 'Ben administers the source control of Northwind'],
    ['The dog descends from the wolf', 'The cat descends from the wildcat'],
    ['Room 12 has a projector', 'The printer is not in room 14'],
    ['We ship on Monday', 'We ship on Monday and on Thursday'],
    ['I don’t hate tea', 'I love tea'],
    ['', ''],
    ['12', '13'],
  ])('leaves %j and %j alone', (a, b) => {
    expect(differenceOf(a, b)).toBeNull();
    expect(differenceOf(b, a)).toBeNull();
  });
});
