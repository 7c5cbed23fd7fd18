import { check, evaluate, expressionsIn, resolve } from './language.js';

const scope = { input: { n: 3, price: 1.5, list: [1, 2, 3], name: 'Ada', 'a/b': 1 }, steps: { ask: { output: { ok: true } } } };

describe('expressions', () => {
  it.each([
    ['input.n + 1', 4],
    ['input.price * 2', 3],
    ['input.n / 2', 1.5],
    ['1 + 2', 3],
    ['size(input.list)', 3],
    ['input.list.map(i, i * 2)', [2, 4, 6]],
    ['steps.ask.output.ok && input.n > 2', true],
    ['{"who": input.name, "list": [1, "x", null]}', { who: 'Ada', list: [1, 'x', null] }],
    ['input.?missing.orValue("none")', 'none'],
    ['timestamp("2026-01-02T03:04:05Z")', '2026-01-02T03:04:05.000Z'],
    ['item == null', true],
  ])('%s', (source, value) => {
    expect(evaluate(source, scope)).toEqual(value);
  });

  it.each([
    ['input.', 'syntax'],
    ['unknown.thing', 'unknown variable'],
    ['input.name.matches("(a+)+$")', 'a pattern'],
    ['[1].map(x, input.name.matches("a"))', 'a pattern inside'],
    ['"a" + 1', 'types'],
    [`"${'a'.repeat(2_000)}"`, 'length'],
    [`${'('.repeat(60)}1${')'.repeat(60)}${'+1'.repeat(600)}`, 'size'],
  ])('%s is refused when it is saved', (source) => {
    expect(() => check(source)).toThrow();
  });

  it('that have no value say so', () => {
    expect(() => evaluate('input.missing.more', scope)).toThrow('No such key: missing');
    expect(() => evaluate('input.name + input.n', scope)).toThrow('no such overload');
  });
});

describe('templates', () => {
  it('keep the type of what is one expression, and make text of the others', () => {
    const template = {
      whole: '${{ input.list }}',
      text: 'Dear ${{ input.name }}, ${{ input.n }} of ${{ input.list }}',
      same: [1, true, null, 'x'],
    };

    expect(resolve(template, scope)).toEqual({ whole: [1, 2, 3], text: 'Dear Ada, 3 of [1,2,3]', same: [1, true, null, 'x'] });
  });

  it('are not evaluated twice', () => {
    expect(resolve('${{ input.name }}', { input: { name: '${{ run.id }}' } })).toBe('${{ run.id }}');
  });

  // In quadratic time it would take hours.
  it('may open expressions without end', () => {
    const text = '${{'.repeat(1_000_000);
    expect(expressionsIn(text)).toEqual([]);
    expect(resolve(text, scope)).toBe(text);
    expect(resolve('a ${{ 1 }}${{ "b" }} ${{ c', scope)).toBe('a 1b ${{ c');
  });

  it('tell where their expressions are', () => {
    expect(expressionsIn({ a: ['${{ x }} and ${{ y }}'], 'b/c': '${{ z }}', d: 'none' })).toEqual([
      { pointer: '/a/0', source: 'x' },
      { pointer: '/a/0', source: 'y' },
      { pointer: '/b~1c', source: 'z' },
    ]);
  });
});
