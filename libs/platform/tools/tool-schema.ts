import type { Json, JsonObject } from '@atrium/platform/events';
import { oneLine } from './clean-text.js';

const MAX_CHARS = 16_384;
/** Sub-schemas, each reference counted as what it stands for: what a check costs. */
const MAX_NODES = 200;
const MAX_DEPTH = 12;
const MAX_TEXT_CHARS = 300;
const MAX_CHOICES = 200;

const TYPES = new Set(['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']);
const NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength', 'minItems', 'maxItems'];

/** Why a schema is not taken, in words for an administrator. */
export class SchemaRefused extends Error {}

/**
 * The schema of a stranger as one that is safe to check by and to show to a model: a tree without references, of few sub-schemas, in which
 * only keywords stand that cost nothing. What is left out makes the check weaker, never stronger: the server checks its arguments itself.
 * @throws SchemaRefused
 */
export function boundedSchema(schema: unknown): JsonObject {
  const bounded = new Reader(schema).root();
  if (JSON.stringify(bounded).length > MAX_CHARS) throw new SchemaRefused(`its schema is longer than ${MAX_CHARS} characters`);
  return bounded;
}

class Reader {
  private nodes = 0;

  constructor(private readonly whole: unknown) {}

  root(): JsonObject {
    const bounded = this.read(this.whole, []);
    if (bounded['type'] !== 'object') throw new SchemaRefused('its arguments are no object');
    return bounded;
  }

  /** `path` has the references that led here, and null for each level between. */
  private read(schema: unknown, path: readonly (string | null)[]): JsonObject {
    if (++this.nodes > MAX_NODES) throw new SchemaRefused(`its schema has more than ${MAX_NODES} parts`);
    if (path.length > MAX_DEPTH) throw new SchemaRefused(`its schema is deeper than ${MAX_DEPTH} levels`);
    if (schema === true) return {};
    if (!isObject(schema)) throw new SchemaRefused('its schema is no JSON Schema');
    if (typeof schema['$ref'] === 'string') return { ...this.follow(schema['$ref'], path), ...textsOf(schema) };
    const below = (one: unknown) => this.read(one, [...path, null]);
    return {
      ...textsOf(schema),
      ...simpleRules(schema),
      ...this.objectRules(schema, below),
      ...(isObject(schema['items']) ? { items: below(schema['items']) } : {}),
      ...choices('anyOf', schema['anyOf'] ?? schema['oneOf'], below),
      ...choices('allOf', schema['allOf'], below),
    };
  }

  private follow(reference: string, path: readonly (string | null)[]): JsonObject {
    if (path.includes(reference)) throw new SchemaRefused('its schema refers to itself');
    if (!/^#(\/[^/]+)+$/.test(reference)) throw new SchemaRefused('its schema refers to something outside of it');
    const steps = reference.slice(2).split('/');
    const target = steps
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), this.whole);
    return this.read(target, [...path, reference]);
  }

  private objectRules(schema: Record<string, unknown>, below: (one: unknown) => JsonObject): JsonObject {
    const rules: JsonObject = {};
    const { properties, required, additionalProperties: more } = schema;
    if (isObject(properties))
      rules['properties'] = Object.fromEntries(Object.entries(properties).map(([name, one]) => [propertyName(name), below(one)]));
    if (Array.isArray(required)) rules['required'] = required.filter((name) => typeof name === 'string').map(propertyName);
    // Beside patterns, which are left out, it would refuse what they let in.
    if (more !== undefined && schema['patternProperties'] === undefined)
      rules['additionalProperties'] = more === false ? false : below(more);
    return rules;
  }
}

function propertyName(name: string): string {
  if (name === '__proto__' || name === '' || oneLine(name, 100) !== name)
    throw new SchemaRefused('an argument has a name that cannot be shown');
  return name;
}

function textsOf(schema: Record<string, unknown>): JsonObject {
  const texts = ['title', 'description'].map((key) => [key, schema[key]] as const);
  return Object.fromEntries(texts.flatMap(([key, text]) => (typeof text === 'string' ? [[key, oneLine(text, MAX_TEXT_CHARS)]] : [])));
}

function simpleRules(schema: Record<string, unknown>): JsonObject {
  const rules: JsonObject = {};
  const types = [schema['type']].flat().filter((type): type is string => typeof type === 'string' && TYPES.has(type));
  if (types.length > 0) rules['type'] = types.length === 1 ? types[0] : [...new Set(types)];
  for (const key of NUMBERS) if (Number.isFinite(schema[key])) rules[key] = schema[key] as number;
  const { enum: values, const: value, default: usual } = schema;
  if (Array.isArray(values) && values.length > 0 && values.length <= MAX_CHOICES && values.every(isScalar))
    rules['enum'] = [...new Set(values)];
  if (isScalar(value)) rules['const'] = value;
  if (isScalar(usual)) rules['default'] = usual;
  return rules;
}

function choices(keyword: string, schemas: unknown, below: (one: unknown) => JsonObject): JsonObject {
  return Array.isArray(schemas) && schemas.length > 0 ? { [keyword]: schemas.map(below) } : {};
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What stands in a schema as a value: nothing that hides anything from its reader. */
const isScalar = (value: unknown): value is Exclude<Json, Json[] | JsonObject> =>
  value === null || typeof value === 'boolean' || Number.isFinite(value) || (typeof value === 'string' && oneLine(value, 200) === value);
