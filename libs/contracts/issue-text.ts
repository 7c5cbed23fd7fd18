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
/** The most values that are told, and the most characters of them. */
const MAX_VALUES = 40;
const MAX_VALUES_TEXT = 1_000;
/** What is told of one place is cut here. Characters. */
export const MAX_ISSUE_TEXT = 1_100;

/** What is wrong, for a person, to be read after the name of the place: "must have at most 80 characters". Undefined: what zod says. */
export function issueText(issue: Issue): string | undefined {
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union'))
    return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return oneOf(issue.values, issue.input);
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
      return Array.isArray(issue.options) && issue.options.length > 0 ? oneOf(issue.options, undefined) : union(issue.errors);
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

function oneOf(values: readonly unknown[], given: unknown): string {
  const all = listOf(values);
  if (all !== null) return values.length === 1 ? `must be ${all}` : `must be one of ${all}`;
  const near = typeof given === 'string' ? values.filter((value) => isNear(String(value), given)).slice(0, 5) : [];
  const told = (near.length > 0 ? near : values.slice(0, 10)).map((value) => JSON.stringify(value)).join(', ');
  return `is none of the ${values.length} documented values, ${near.length > 0 ? 'of which these are near' : 'which begin with'}: ${told}`;
}

/** Told once of each schema: a body may hold very many wrong values. */
const lists = new WeakMap<readonly unknown[], string | null>();

/** Null when they are too many to be told. */
function listOf(values: readonly unknown[]): string | null {
  const known = lists.get(values);
  if (known !== undefined) return known;
  const all = values.map((value) => JSON.stringify(value)).join(', ');
  const list = values.length > MAX_VALUES || all.length > MAX_VALUES_TEXT ? null : all;
  lists.set(values, list);
  return list;
}

/** Whether beginning and end, as far as they agree, are at least half of the value. As fast as can be, for the same reason. */
function isNear(value: string, given: string): boolean {
  const shorter = Math.min(value.length, given.length);
  let start = 0;
  while (start < shorter && value[start] === given[start]) start++;
  let end = 0;
  while (end < shorter - start && value[value.length - 1 - end] === given[given.length - 1 - end]) end++;
  return start + end >= Math.max(value.length, given.length) / 2;
}

/** What each form of it would be; of a form that is the only one of the right type, what is wrong in it. */
function union(forms: readonly (readonly z.core.$ZodIssue[])[]): string {
  const wanted = forms.map(([first]) => (first?.path.length === 0 ? formOf(first) : null));
  const inside = forms.filter((_, index) => wanted[index] === null);
  if (forms.length > 0 && inside.length === 0) return `must be ${[...new Set(wanted)].join(' or ')}`;
  const [first] = (inside.length === 1 && inside[0]) || [];
  return first && first.path.length > 0
    ? `has none of the documented forms: ${first.path.join('.')} ${first.message}`
    : 'has none of the documented forms';
}

function formOf(issue: z.core.$ZodIssue): string | null {
  if (issue.code === 'invalid_type') return TYPES[issue.expected] ?? issue.expected;
  const values = issue.code === 'invalid_value' ? listOf(issue.values) : null;
  return values && (values.includes(',') ? `one of ${values}` : values);
}
