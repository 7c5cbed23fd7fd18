import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonValue } from './expressions/language.js';
import { openToExpressions } from './open-schema.js';

const assignee: JsonValue = {
  type: 'object',
  properties: { kind: { type: 'string', enum: ['user', 'agent'] }, id: { type: 'string', pattern: '^[0-9a-f-]{36}$' } },
  required: ['kind', 'id'],
  additionalProperties: false,
};
const schema: JsonValue = {
  type: 'object',
  properties: {
    title: { type: 'string', maxLength: 10 },
    limit: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
    assignee: { anyOf: [assignee, { type: 'null' }] },
    either: { oneOf: [{ type: 'integer' }, { type: 'boolean' }] },
    any: { $ref: '#/$defs/any' },
  },
  required: ['title'],
  additionalProperties: false,
  $defs: { any: { anyOf: [{ type: 'number' }, { type: 'array', items: { $ref: '#/$defs/any' } }] } },
};
const fits = new Ajv2020({ strict: false }).compile(openToExpressions(schema) as object);

describe('a schema that is open to expressions', () => {
  it.each<[string, JsonValue]>([
    ['literals that fit', { title: 'a', limit: 3, tags: ['x'], assignee: null, either: true, any: [1, [2]] }],
    ['an expression for all', '${{ input }}'],
    ['expressions for single values', { title: 'Call ${{ input.customer }}', limit: '${{ item }}', tags: ['x', '${{ item }}'] }],
    ['an expression for one of several shapes', { title: 'a', assignee: { kind: '${{ input.kind }}', id: '${{ input.id }}' } }],
    ['an expression where exactly one shape must fit', { title: 'a', either: '${{ input.n }}' }],
    ['an expression far below', { title: 'a', any: [1, ['${{ item }}']] }],
  ])('takes %s', (_what, value) => {
    expect(fits(value)).toBe(true);
  });

  it.each<[string, JsonValue]>([
    ['what is missing', { limit: 3 }],
    ['what it does not know, beside an expression', { title: '${{ input.title }}', more: '${{ item }}' }],
    ['a literal of another type', { title: 'a', limit: 'three' }],
    ['a literal beside an expression', { title: 'a', tags: ['${{ item }}', 1] }],
    ['a literal that fits no shape', { title: 'a', assignee: { kind: 'team', id: '${{ input.id }}' } }],
    ['a literal far below', { title: 'a', any: [['x']] }],
    ['something else than an object', 'input'],
    ['what only looks like an expression', { title: 'a', limit: '${ input.n }' }],
  ])('refuses %s', (_what, value) => {
    expect(fits(value)).toBe(false);
  });
});
