import { schemaFaults } from './schema-faults.js';

const faultsOf = (schema: object) => schemaFaults(schema as never).map(({ pointer, message }) => `${pointer} ${message}`);
const wide = (levels: number) =>
  Object.fromEntries(
    [...Array(levels + 1).keys()].map((at) => [
      `l${at}`,
      at < levels ? { anyOf: [{ $ref: `#/$defs/l${at + 1}` }, { $ref: `#/$defs/l${at + 1}` }] } : { type: 'string' },
    ]),
  );

describe('a schema of input', () => {
  it.each([
    ['without rules', {}],
    ['a tree of itself', { properties: { left: { $ref: '#' }, all: { items: { $ref: '#/$defs/one' } } }, $defs: { one: { $ref: '#' } } }],
    [
      'what several places refer to',
      { properties: { a: { $ref: '#/$defs/t' }, b: { $ref: '#/$defs/t' } }, $defs: { t: { type: 'string' } } },
    ],
    ['with an identity', { $id: 'https://example.com/order', $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' }],
    ...[
      '^[a-z0-9]+(?:-[a-z0-9]+)*$',
      '^\\d{4}-\\d{2}-\\d{2}$',
      '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$',
      '^(\\d+\\.)*\\d+$',
      '^(a+)+$',
      '^\\\\k$',
      '^(https?)://[^\\s/$.?#].[^\\s]*$',
      '^\\p{L}+( \\p{L}+)*$',
    ].map((pattern): [string, object] => [`the pattern ${pattern}`, { properties: { a: { pattern } } }]),
  ])('may be %s', (_what, schema) => {
    expect(faultsOf(schema)).toEqual([]);
  });

  it.each([
    ['itself', { $ref: '#' }, ' refers to itself'],
    ['itself by a choice', { anyOf: [{ type: 'object' }, { $ref: '#' }] }, ' refers to itself'],
    ['itself under a condition', JSON.parse('{"if": {"required": ["x"]}, "then": {"$ref": "#"}}') as object, ' refers to itself'],
    ['itself by a dependency', { dependencies: { a: { $ref: '#' }, b: ['a'] } }, ' refers to itself'],
    ['a property that is itself', { properties: { a: { $ref: '#/properties/a' } } }, '/properties/a refers to itself'],
    ['two that are each other', { $defs: { a: { $ref: '#/$defs/b' }, b: { not: { $ref: '#/$defs/a' } } } }, '/$defs/a refers to itself'],
    ['a billion by references', { $ref: '#/$defs/l0', $defs: wide(30) }, '/$defs/l'],
    ['something elsewhere', { $ref: 'https://example.com/schema' }, '/$ref must be'],
    ['an anchor', { $dynamicRef: '#node', $dynamicAnchor: 'node' }, '/$dynamicAnchor is not supported'],
    ['a look ahead', { items: { pattern: '^(?!.*--)[a-z-]{1,63}$' } }, '/items/pattern must be a regular expression of RE2'],
    ['a look behind', { pattern: '(?<=a)b' }, '/pattern must be a regular expression of RE2'],
    ['a reference back', { pattern: '^(a|b)\\1$' }, '/pattern must be a regular expression of RE2'],
    ['a reference back by name', { pattern: '^(?<x>a|b)\\k<x>$' }, '/pattern must not refer back'],
    ['a repetition without bounds', { pattern: 'a{9999}' }, '/pattern must be a regular expression of RE2'],
    ['a long pattern', { pattern: 'a'.repeat(1_001) }, '/pattern must be at most 1000 characters'],
    ['a name by looking ahead', { patternProperties: { '(?=x)y': {} } }, '/patternProperties/(?=x)y must be a regular expression of RE2'],
    ['no pattern', { pattern: '(' }, '/pattern must be a regular expression of RE2'],
  ])('is not %s', (_what, schema, words) => {
    expect(faultsOf(schema)[0]).toContain(words);
  });
});
