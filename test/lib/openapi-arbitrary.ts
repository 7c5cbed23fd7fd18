import fc from 'fast-check';
import { type JsonSchema, type OpenApi, resolved } from './openapi.js';

/** Text that has broken servers. */
export const HOSTILE_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00x',
  '__proto__',
  'constructor',
  'prototype',
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%00',
  '%',
  "'; select pg_sleep(10); --",
  "' OR '1'='1",
  '${7*7}{{7*7}}<%= 7*7 %>',
  '<script>alert(1)</script>',
  '\r\nX-Injected: 1\r\n\r\n',
  '[object Object]',
  '\u202egnp.exe',
  '𝕏𝕏𝕏 👩‍👩‍👧‍👦',
  'null',
  'undefined',
  'true',
  '-1',
  '1e309',
  '9'.repeat(400),
  'A'.repeat(70_000),
  '('.repeat(5_000),
  '"',
  '\\',
  'a\tb\u000b\u007f',
  '𠀀'.repeat(9_000),
];

/** Numbers at and beyond every edge; those that JSON cannot say are written as they are by `rawBodies`. */
const HOSTILE_NUMBERS = [-1, 0, -0, 1.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 63, 1e308, -1e308, 5e-324];
const HOSTILE_VALUES: unknown[] = [
  null,
  true,
  false,
  [],
  {},
  [[[]]],
  { $ne: null },
  { toString: 'x' },
  { length: 2 ** 31 },
  ...HOSTILE_NUMBERS,
];

/** Values of the ids that exist, so that requests reach further than the look-up. */
export type KnownIds = readonly string[];

const MAX_DEPTH = 6;

/** What a client that means well sends. */
export function valid(document: OpenApi, given: JsonSchema, ids: KnownIds, depth = 0): fc.Arbitrary<unknown> {
  // A schema may hold itself.
  if (depth > MAX_DEPTH) return fc.constant(null);
  const schema = resolved(document, given);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return fc.oneof(...options.map((option) => valid(document, option, ids, depth)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return validText(schema, ids);
    case 'integer':
    case 'number':
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1_000, (schema.minimum ?? 0) + 1_000) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return schema.items
        ? fc.array(valid(document, schema.items, ids, depth + 1), {
            minLength: schema.minItems ?? 0,
            maxLength: Math.min(schema.maxItems ?? 3, 3),
          })
        : fc.constant([]);
    case 'object':
      return validObject(document, schema, ids, depth);
    default:
      return depth > 3 ? fc.constant(null) : fc.jsonValue({ maxDepth: 2 });
  }
}

function validObject(document: OpenApi, schema: JsonSchema, ids: KnownIds, depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 });
  return fc.record(Object.fromEntries(properties.map(([name, property]) => [name, valid(document, property, ids, depth + 1)])), {
    requiredKeys: schema.required ?? [],
  });
}

function validText(schema: JsonSchema, ids: KnownIds): fc.Arbitrary<string> {
  switch (schema.format) {
    case 'uuid':
      return fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...ids) }, fc.uuid());
    case 'date-time':
      return fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }).map((date) => date.toISOString());
    case 'email':
      return fc.uuid().map((uuid) => `${uuid}@example.com`);
    default:
      return fc
        .string({ unit: 'grapheme', minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 60, 60) })
        .map((text) => (schema.minLength && text.length < schema.minLength ? text.padEnd(schema.minLength, 'x') : text));
  }
}

/** A value that once was right, with one to three places spoilt: another kind, hostile, missing, or more than asked for. */
export function nearValid(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const spoilt = fc.oneof(
    hostileText,
    fc.constantFrom(...HOSTILE_VALUES).map((hostile) => structuredClone(hostile)),
  );
  const change = fc.record({ at: fc.nat(), how: fc.constantFrom('replace', 'replace', 'remove', 'add'), by: spoilt });
  return fc.tuple(value, fc.array(change, { minLength: 1, maxLength: 3 })).map(([whole, changes]) => {
    let result: unknown = structuredClone(whole);
    for (const { at, how, by } of changes) {
      const places = placesOf(result);
      const place = places[at % Math.max(places.length, 1)];
      if (!place) result = by;
      else if (how === 'remove') Reflect.deleteProperty(place.parent, place.key);
      else if (how === 'add') Object.assign(place.parent, { orgId: by, role: 'owner', isAdmin: true });
      else Reflect.set(place.parent, place.key, by);
    }
    return result;
  });
}

export const hostileText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  fc.string({ unit: 'binary', maxLength: 60 }),
);

function placesOf(value: unknown, depth = 0): { parent: object; key: string }[] {
  if (typeof value !== 'object' || value === null || depth > 4) return [];
  return Object.keys(value).flatMap((key) => [{ parent: value, key }, ...placesOf(Reflect.get(value, key), depth + 1)]);
}

/** Bodies that are no value of any schema: their bytes with their content type. */
export const rawBodies: fc.Arbitrary<{ contentType: string; bytes: string | Buffer }> = fc.oneof(
  fc
    .constantFrom<string | Buffer>(
      '',
      '{',
      'null',
      'true',
      '0',
      '"text"',
      '[]',
      '{}{}',
      '{"a":1,"a":2}',
      '{"email":"a@example.com","email":{"x":1},"body":"x","body":"y","name":"x","name":"y"}',
      '{"__proto__":{"isAdmin":true},"body":"x","name":"x"}',
      '{"constructor":{"prototype":{"isAdmin":true}}}',
      '{"limit":1e309,"seq":1e309,"q":-1e309}',
      '{"seq":NaN}',
      '{"body":"\\ud800","name":"\\ud800"}',
      '{"body":"\\u0000","name":"\\u0000"}',
      '['.repeat(10_000) + ']'.repeat(10_000),
      '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000),
      '['.repeat(10_000),
      `{"metadata":${'{"a":'.repeat(30)}1${'}'.repeat(30)},"title":"x","text":"x"}`,
      `{${Array.from({ length: 20_000 }, (_, at) => `"k${at}":0`).join(',')}}`,
      '\ufeff{"name":"x"}',
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.from('{"name":"\xff\xc0\xaf"}', 'latin1'),
    )
    .map((bytes) => ({ contentType: 'application/json', bytes })),
  fc
    .constantFrom(
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
      'application/json;',
      'multipart/form-data',
      'multipart/form-data; boundary=x',
      `multipart/form-data; boundary=${'x'.repeat(300)}`,
      'application/octet-stream',
      '*/*',
      'nonsense',
    )
    .map((contentType) => ({ contentType, bytes: '{"name":"x","body":"x","query":"x"}' })),
  fc
    .constantFrom(
      '--x\r\nContent-Disposition: form-data; name="file"; filename="../../a\\u0000.txt"\r\n\r\ntext\r\n--x--\r\n',
      '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file name\r\n--x--\r\n',
      '--x\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\n1\r\n--x--\r\n',
      '--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"a":\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ntext\r\n--x--\r\n',
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncut in the mid',
      '--x\r\n\r\n--x--',
      '--y--',
      `${'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n'.repeat(50)}--x--\r\n`,
    )
    .map((bytes) => ({ contentType: 'multipart/form-data; boundary=x', bytes })),
);
