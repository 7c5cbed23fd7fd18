import { boundedSchema } from './tool-schema.js';
import { checkerOf } from './foreign-tool.js';

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const chain = (levels: number, end: object) =>
  Object.fromEntries([...Array(levels).keys()].map((at) => [`l${at}`, at + 1 < levels ? { items: { $ref: `#/$defs/l${at + 1}` } } : end]));
const wide = (levels: number) =>
  Object.fromEntries(
    [...Array(levels + 1).keys()].map((at) => [
      `l${at}`,
      at < levels ? { anyOf: [{ $ref: `#/$defs/l${at + 1}` }, { $ref: `#/$defs/l${at + 1}` }] } : { type: 'string' },
    ]),
  );

describe('the bounded schema', () => {
  it('keeps what checks arguments, with references resolved', () => {
    const schema = object(
      { name: { $ref: '#/$defs/name', description: 'Who.' }, count: { type: ['integer', 'null'], minimum: 1 }, kind: { enum: ['a', 'b'] } },
      { required: ['name'], additionalProperties: false, $defs: { name: { type: 'string', maxLength: 3, pattern: '(a+)+$' } } },
    );
    const bounded = boundedSchema(schema);
    expect(bounded).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 3, description: 'Who.' },
        count: { type: ['integer', 'null'], minimum: 1 },
        kind: { enum: ['a', 'b'] },
      },
      required: ['name'],
      additionalProperties: false,
    });
    const check = checkerOf(bounded);
    expect(check({ name: 'abc', count: null, kind: 'a' })).toEqual([]);
    expect(check({ name: 'abcd' })).toMatchObject([{ pointer: '/name' }]);
    expect(check({})).toMatchObject([{ pointer: '' }]);
    expect(check({ name: 'a', more: 1 })).toHaveLength(1);
  });

  it('refuses nothing that the whole schema would let in', () => {
    const schema = object(
      {
        a: {
          oneOf: [
            { type: 'string', pattern: '^x' },
            { type: 'string', pattern: '^y' },
          ],
        },
      },
      { patternProperties: { '^n_': { type: 'number' } }, additionalProperties: false },
    );
    expect(checkerOf(boundedSchema(schema))({ a: 'x', n_1: 1 })).toEqual([]);
  });

  const HOSTILE: [string, unknown, string][] = [
    ['no schema', 'nothing', 'no JSON Schema'],
    ['no object', { type: 'string' }, 'no object'],
    ['a reference to elsewhere', object({ a: { $ref: 'https://example.com/schema' } }), 'outside'],
    ['a reference to nothing', object({ a: { $ref: '#/$defs/none' } }), 'no JSON Schema'],
    ['a reference to what every object has', object({ a: { $ref: '#/constructor' } }), 'no JSON Schema'],
    ['itself', object({ a: { $ref: '#/properties/a' } }), 'refers to itself'],
    ['a tree of itself', object({ a: { $ref: '#/$defs/t' } }, { $defs: { t: object({ t: { $ref: '#/$defs/t' } }) } }), 'refers to itself'],
    ['great depth', object({ a: { $ref: '#/$defs/l0' } }, { $defs: chain(20, { type: 'string' }) }), 'deeper'],
    ['a billion parts by references', object({ a: { $ref: '#/$defs/l0' } }, { $defs: wide(30) }), 'its schema'],
    ['too many parts', object(Object.fromEntries([...Array(201).keys()].map((at) => [`p${at}`, {}]))), 'more than 200 parts'],
    ['long texts', object(Object.fromEntries([...Array(100).keys()].map((at) => [`p${at}`, { description: 'x'.repeat(300) }]))), 'longer'],
    ['a hidden name', object({ 'a\u200b': {} }), 'cannot be shown'],
    ['a name that means something else', object(JSON.parse('{"__proto__": {"type": "string"}}') as object), 'cannot be shown'],
  ];
  it.each(HOSTILE)('refuses %s', (_what, schema, words) => {
    expect(() => boundedSchema(schema)).toThrow(words);
  });

  it('shows no text that hides something', () => {
    const { properties } = boundedSchema(object({ a: { description: 'one\n\u202etwo\u{e0041}', default: 'x\u0000', enum: ['\u200b'] } }));
    expect(properties).toEqual({ a: { description: 'one two' } });
  });
});
