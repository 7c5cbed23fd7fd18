import type { z } from 'zod';

type Issue = z.core.$ZodRawIssue;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a time',
  null: 'null',
};
const FORMATS: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  uuid: 'a UUID',
  url: 'a URL',
  datetime: 'a time such as 2026-01-31T12:00:00.000Z',
  date: 'a date such as 2026-01-31',
  base64: 'Base64',
  base64url: 'Base64 of URLs',
  json_string: 'JSON',
};
/** Longest list of values that is told. Characters. */
const MAX_VALUES = 240;

/** What is wrong, for a person, to be read after the name of the place: "must have at most 80 characters". Undefined: what zod says. */
export function issueText(issue: Issue): string | undefined {
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union'))
    return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return bound(issue.origin, Number(issue.minimum), issue.exact ? 'exactly' : issue.inclusive === false ? 'more than' : 'at least');
    case 'too_big':
      return bound(issue.origin, Number(issue.maximum), issue.exact ? 'exactly' : issue.inclusive === false ? 'less than' : 'at most');
    case 'invalid_format':
      return FORMATS[issue.format] === undefined ? 'does not have the documented form' : `must be ${FORMATS[issue.format]}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return `holds what is not known here: ${issue.keys.join(', ')}`;
    case 'invalid_union':
      return Array.isArray(issue.options) && issue.options.length > 0 ? oneOf(issue.options) : union(issue.errors);
    case 'invalid_key':
      return 'has a key that is not allowed';
    case 'invalid_element':
      return 'holds an item that is not allowed';
    default:
      return undefined;
  }
}

function bound(origin: string, n: number, how: string): string {
  const unit = origin === 'string' ? 'character' : origin === 'array' || origin === 'set' ? 'item' : null;
  if (unit === null) return `must be ${how} ${n}`;
  if (how === 'at least' && n === 1) return 'must not be empty';
  return `must have ${how} ${n} ${unit}${n === 1 ? '' : 's'}`;
}

function oneOf(values: readonly unknown[]): string {
  const told = values.map((value) => JSON.stringify(value));
  if (told.length === 1) return `must be ${told[0]}`;
  const all = told.join(', ');
  return all.length > MAX_VALUES ? 'is none of the documented values' : `must be one of ${all}`;
}

/** Where every form of it is another type, all the types. */
function union(forms: readonly (readonly z.core.$ZodIssue[])[]): string {
  const types = forms.map(([first, ...rest]) =>
    first?.code === 'invalid_type' && first.path.length === 0 && rest.length === 0 ? (TYPES[first.expected] ?? first.expected) : null,
  );
  return types.length === 0 || types.includes(null) ? 'has none of the documented forms' : `must be ${[...new Set(types)].join(' or ')}`;
}
