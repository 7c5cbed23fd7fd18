import type { JsonValue } from './expressions/language.js';

type Schema = { [keyword: string]: JsonValue };

/** A string that holds an expression. */
const EXPRESSION: Schema = { type: 'string', pattern: '\\$\\{\\{[^]*?\\}\\}' };
/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const ONE = new Set(['items', 'additionalProperties']);
const SEVERAL = new Set(['anyOf', 'allOf', 'prefixItems']);
const NAMED = new Set(['properties', '$defs']);

/** The JSON Schema for the same values, each of which may be an expression instead: what that will give shows when it is evaluated. */
export function openToExpressions(schema: JsonValue): JsonValue {
  if (!isSchema(schema)) return schema;
  const { $defs, oneOf, not: _not, ...rest } = schema;
  // An expression fits several of them at once.
  const rules: Schema = oneOf === undefined ? rest : { ...rest, anyOf: oneOf };
  const opened = Object.fromEntries(Object.entries(rules).map(([keyword, value]) => [keyword, openBelow(keyword, value)]));
  return { ...($defs === undefined ? {} : { $defs: openBelow('$defs', $defs) }), if: EXPRESSION, else: opened };
}

function openBelow(keyword: string, value: JsonValue): JsonValue {
  if (ONE.has(keyword)) return openToExpressions(value);
  if (SEVERAL.has(keyword) && Array.isArray(value)) return value.map(openToExpressions);
  if (NAMED.has(keyword) && isSchema(value))
    return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, openToExpressions(schema)]));
  return value;
}

const isSchema = (value: JsonValue): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);
