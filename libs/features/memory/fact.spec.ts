import { factKey, foldFact, isManyValued, slotOf } from './fact.js';

describe('foldFact', () => {
  it.each([
    ['  Ben’s   Favourite COLOUR ', 'ben’s favourite colour'],
    ['The plan is ready.', 'the plan is ready'],
    ['“The plan is ready”', 'the plan is ready'],
    ['ＦＵＬＬ ｗｉｄｔｈ', 'full width'],
    ['works_at', 'works at'],
    ['works-at', 'works at'],
    ['東京　都。', '東京 都'],
    ['STRASSE\u200b', 'strasse'],
    ['North\u200bwind\u202e \u2066pays', 'northwind pays'],
    ['می\u200cخواهم', 'می خواهم'],
    ['İstanbul', 'i̇stanbul'],
    ['ΑΘΗΝΑ', 'αθηνα'],
    ['Résumé', 'résumé'],
    ['Re\u0301sume\u0301', 'résumé'],
  ])('makes %j %j', (text, folded) => {
    expect(foldFact(text)).toBe(folded);
    expect(foldFact(folded)).toBe(folded);
  });

  it('keeps what makes a difference', () => {
    expect(foldFact('resume')).not.toBe(foldFact('résumé'));
    expect(foldFact('12')).not.toBe(foldFact('21'));
  });
});

describe('slotOf', () => {
  it('needs subject and predicate, however they are written', () => {
    expect(slotOf('Олена', 'lives in')).toEqual(slotOf(' ОЛЕНА ', 'Lives_In'));
    expect(slotOf('Ben', null)).toBeNull();
    expect(slotOf(null, 'lives in')).toBeNull();
    expect(slotOf('—', ' . ')).toBeNull();
  });
});

describe('factKey', () => {
  const slot = slotOf('Ben', 'lives in');

  it('is one for the same fact and readers', () => {
    expect(factKey(['b', 'a'], slot, 'Ben lives in Kyiv.')).toBe(factKey(['a', 'b'], slot, 'ben  lives in KYIV'));
  });

  it('differs with readers, slot or text', () => {
    const keys = [factKey(['a'], slot, 'x'), factKey(['b'], slot, 'x'), factKey(['a'], null, 'x'), factKey(['a'], slot, 'y')];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

it('knows predicates of several values', () => {
  const of = (predicate: string) => isManyValued(slotOf('Ben', predicate) ?? { subject: '', predicate: '' });
  expect([of('Likes'), of('allergic_to'), of('lives in'), of('email')]).toEqual([true, true, false, false]);
});
