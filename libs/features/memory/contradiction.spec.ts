import { judgeFact, judgeText, type KnownFact, type NewFact } from './contradiction.js';

const day = (number: number) => new Date(Date.UTC(2026, 0, number));
const fact = (content: string, more: Partial<NewFact> = {}): NewFact => ({
  content,
  readers: ['user:olivia'],
  level: 'private',
  confidence: 1,
  validFrom: day(20),
  ...more,
});
const known = (id: string, content: string, more: Partial<KnownFact> = {}): KnownFact => ({
  ...fact(content),
  id,
  validFrom: day(1),
  validTo: null,
  changeable: true,
  ...more,
});
const added = { kind: 'new', retires: [], doubts: [], validTo: null, supersededBy: null };

describe('a fact with subject and predicate', () => {
  it('is added where nothing is known', () => {
    expect(judgeFact(fact('Kyiv'), [])).toEqual(added);
  });

  it('ends what held before it', () => {
    expect(judgeFact(fact('Lviv'), [known('a', 'Kyiv')])).toEqual({ ...added, retires: ['a'] });
  });

  it('is one memory when it is told twice, however it is written', () => {
    expect(judgeFact(fact(' KYIV. '), [known('a', 'Kyiv')])).toEqual({ kind: 'same', id: 'a' });
  });

  it('comes back as a new one after another held', () => {
    const history = [known('a', 'Kyiv', { validTo: day(10) }), known('b', 'Lviv', { validFrom: day(10) })];
    expect(judgeFact(fact('Kyiv'), history)).toEqual({ ...added, retires: ['b'] });
  });

  it('of the past fits into the history and leaves what holds now', () => {
    const history = [known('a', 'Kyiv', { validTo: day(10) }), known('b', 'Lviv', { validFrom: day(10) })];
    expect(judgeFact(fact('Odesa', { validFrom: day(5) }), history)).toEqual({
      ...added,
      retires: ['a'],
      validTo: day(10),
      supersededBy: 'b',
    });
    expect(judgeFact(fact('Odesa', { validFrom: new Date(0) }), history)).toEqual({ ...added, validTo: day(1), supersededBy: 'a' });
  });

  it('of the future lets the present one hold until then', () => {
    expect(judgeFact(fact('Lviv', { validFrom: day(40) }), [known('a', 'Kyiv')])).toEqual({ ...added, retires: ['a'] });
  });

  it('corrects one that began at the same moment', () => {
    expect(judgeFact(fact('Lviv', { validFrom: day(1) }), [known('a', 'Kyiv')])).toEqual({ ...added, retires: ['a'] });
  });

  it('ends none that is told to other readers, and is a conflict where all who read one of the two read the other', () => {
    const org = { readers: ['org'], level: 'organization' };
    const others = [known('a', 'Kyiv', org), known('b', 'Kyiv', { readers: ['user:ben'] }), known('c', 'Lviv', org)];
    expect(judgeFact(fact('Lviv'), others)).toEqual({ ...added, doubts: [{ id: 'a', reason: 'other_readers', isProposed: true }] });
    expect(judgeFact(fact('Lviv', org), [known('a', 'Kyiv')])).toEqual({ ...added, doubts: [{ id: 'a', reason: 'other_readers' }] });
    const [crew, both] = [
      ['team:a', 'user:olivia'],
      ['team:b', 'user:olivia'],
    ];
    expect(judgeFact(fact('Lviv', { readers: crew }), [known('a', 'Kyiv', { readers: both })])).toEqual(added);
    expect(judgeFact(fact('Lviv', { readers: crew }), [known('a', 'Kyiv', org)])).toEqual(added);
    const many = [1, 2, 3, 4].map((at) => known(String(at), `Kyiv ${at}`, { ...org, validFrom: day(at) }));
    expect(judgeFact(fact('Lviv', { validFrom: day(9) }), many)).toMatchObject({ doubts: [{ id: '2' }, { id: '3' }, { id: '4' }] });
  });

  it('of the past opens no review that nobody could decide', () => {
    const ended = known('a', 'Kyiv', { validTo: day(22) });
    expect(judgeFact(fact('Lviv', { confidence: 0.5 }), [ended])).toMatchObject({ retires: [], doubts: [] });
    expect(judgeFact(fact('Lviv', { confidence: 0.5 }), [known('a', 'Kyiv'), known('b', 'Odesa', { validFrom: day(25) })])).toMatchObject({
      doubts: [],
      supersededBy: 'b',
    });
  });

  it.each([
    ['less_certain', fact('Lviv', { confidence: 0.6 }), known('a', 'Kyiv')],
    ['someone_elses', fact('Lviv'), known('a', 'Kyiv', { changeable: false })],
    [
      'system',
      fact('Lviv', { readers: ['org'], level: 'organization' }),
      known('a', 'Kyiv', { readers: ['everyone', 'org'], level: 'system', changeable: false }),
    ],
  ])('is reviewed, and nothing ends, when it is %s', (reason, told, before) => {
    expect(judgeFact(told, [before])).toEqual({ ...added, doubts: [{ id: 'a', reason }] });
  });

  it('is told of the system’s when only some hear it', () => {
    const system = known('a', 'Kyiv', { readers: ['everyone', 'org'], level: 'system', changeable: false });
    expect(judgeFact(fact('Lviv'), [system])).toEqual({ ...added, doubts: [{ id: 'a', reason: 'other_readers', isProposed: true }] });
  });

  it('leaves what has expired', () => {
    expect(judgeFact(fact('Kyiv'), [known('a', 'Kyiv', { validTo: day(3) })])).toEqual(added);
  });
});

describe('free text', () => {
  it('retires nothing: a contradiction is reviewed (mem0 #4536)', () => {
    expect(judgeText(fact('I hate Chinese food'), [known('a', 'I love Chinese food')])).toEqual({
      ...added,
      doubts: [{ id: 'a', reason: 'similar_words' }],
    });
  });

  it('is asked about a number that is another, but not about what is counted', () => {
    const [one, two] = [known('a', 'Invoice 1001 was paid'), known('b', 'Invoice 1002 was paid')];
    expect(judgeText(fact('Invoice 1002 was paid'), [one])).toEqual({ ...added, doubts: [{ id: 'a', reason: 'similar_words' }] });
    expect(judgeText(fact('Invoice 1003 was paid'), [one, two])).toEqual(added);
    expect(judgeText(fact('Invoice 1001 was not paid'), [one, two])).toEqual({ ...added, doubts: [{ id: 'a', reason: 'similar_words' }] });
  });

  it('is asked about with the three that begin last', () => {
    const shipped = [
      'We ship on Monday',
      'We do ship on Monday',
      'Mondays: we ship on Monday',
      'Any Monday we ship on',
      'On Monday we will ship',
    ];
    const all = shipped.map((content, at) => known(String(at), content, { validFrom: day(at + 1) }));
    const { doubts } = judgeText(fact('We do not ship on Monday', { validFrom: day(9) }), all) as { doubts: { id: string }[] };
    expect(doubts.map(({ id }) => id)).toEqual(['2', '3', '4']);
  });

  it('is one memory when it is told twice (mem0 #1674)', () => {
    expect(judgeText(fact('The dog descends from the wolf.'), [known('a', 'The dog descends from the wolf')])).toEqual({
      kind: 'same',
      id: 'a',
    });
  });

  it('leaves unrelated facts about the same thing (graphiti #1728)', () => {
    const works = known('a', 'Ben works at Northwind as head of support');
    expect(judgeText(fact('Ben administers the source control of Northwind'), [works])).toEqual(added);
  });
});
