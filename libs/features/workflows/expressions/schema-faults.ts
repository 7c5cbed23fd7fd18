import { below, type JsonValue } from './language.js';
import { patternFault } from './linear-pattern.js';

export type Place = { pointer: string; message: string };
type Schema = { [keyword: string]: JsonValue };
type Located = { schema: JsonValue; pointer: string };

/** Schemas that are asked of one value, each reference counted as what it stands for. */
const MAX_ASKED = 10_000;
/** Keywords whose value is a schema, and those where a list of schemas or schemas by name stand; of the same value or of what is in it. */
const SAME = { one: ['not', 'if', 'then', 'else'], several: ['allOf', 'anyOf', 'oneOf', 'dependentSchemas', 'dependencies'] };
const WITHIN = {
  one: ['items', 'contains', 'additionalProperties', 'unevaluatedItems', 'unevaluatedProperties', 'propertyNames'],
  several: ['prefixItems', 'properties', 'patternProperties', '$defs', 'definitions'],
};
/** They let a reference mean something else than the place that it names. */
const RENAMING = ['$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveRef'];

/** Why nothing, or not everything, can be checked by a JSON Schema, place by place: references without end, patterns that RE2 does not know. */
export function schemaFaults(root: JsonValue): Place[] {
  const places: Place[] = [];
  const fault = (pointer: string, message: string) => void places.push({ pointer, message });
  /** By pointer: how many schemas are asked of a value there; null while they are counted. */
  const asked = new Map<string, number | null>();

  const count = ({ schema, pointer }: Located): number => {
    if (!isSchema(schema)) return 1;
    const known = asked.get(pointer);
    if (known === null) fault(pointer, 'refers to itself without end, so that nothing can be checked by it');
    if (known !== undefined) return known ?? 1;
    asked.set(pointer, null);
    const all = [...schemasIn(schema, pointer, SAME), ...referredTo(root, schema)].reduce((sum, one) => sum + count(one), 1);
    if (all > MAX_ASKED) fault(pointer, `asks more than ${MAX_ASKED} schemas of one value`);
    asked.set(pointer, all > MAX_ASKED ? 1 : all);
    return all > MAX_ASKED ? 1 : all;
  };

  const visit = ({ schema, pointer }: Located): void => {
    if (!isSchema(schema)) return;
    count({ schema, pointer });
    const { $id, $ref, pattern, patternProperties } = schema;
    for (const keyword of RENAMING) if (keyword in schema) fault(below(pointer, keyword), 'is not supported');
    if ($id !== undefined && pointer !== '') fault(below(pointer, '$id'), 'is supported at the root only');
    if ($ref !== undefined && !isLocal($ref))
      fault(below(pointer, '$ref'), 'must be "#" or begin with "#/": nothing is loaded from elsewhere');
    const patterns = [
      ...(typeof pattern === 'string' ? [[pattern, below(pointer, 'pattern')] as const] : []),
      ...(isSchema(patternProperties)
        ? Object.keys(patternProperties).map((one) => [one, below(below(pointer, 'patternProperties'), one)] as const)
        : []),
    ];
    for (const [one, at] of patterns) {
      const message = patternFault(one);
      if (message !== null) fault(at, message);
    }
    for (const part of [...schemasIn(schema, pointer, SAME), ...schemasIn(schema, pointer, WITHIN)]) visit(part);
  };

  visit({ schema: root, pointer: '' });
  return places;
}

function schemasIn(schema: Schema, pointer: string, { one, several }: typeof SAME): Located[] {
  const at = (keyword: string) => below(pointer, keyword);
  return [
    ...one.flatMap((keyword) => (keyword in schema ? [{ schema: schema[keyword] ?? null, pointer: at(keyword) }] : [])),
    ...several.flatMap((keyword) =>
      Object.entries(schema[keyword] ?? {}).map(([key, part]: [string, JsonValue]) => ({ schema: part, pointer: below(at(keyword), key) })),
    ),
  ];
}

const isLocal = ($ref: JsonValue): $ref is string => typeof $ref === 'string' && /^#(\/|$)/.test($ref);

/** What the reference of a schema leads to, if it leads anywhere. */
function referredTo(root: JsonValue, { $ref = null }: Schema): Located[] {
  if (!isLocal($ref)) return [];
  const keys = $ref.split('/').slice(1);
  const names = keys.map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'));
  const schema = names.reduce<JsonValue>(
    (at, name) => (typeof at === 'object' && at !== null ? ((at as Schema)[name] ?? null) : null),
    root,
  );
  return [{ schema, pointer: names.reduce(below, '') }];
}

const isSchema = (value: JsonValue | undefined): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);
