/** JSON as the database keeps it. */
type Stored = string | number | boolean | null | Stored[] | { [key: string]: Stored };

const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The value as the database can keep it: NUL and broken Unicode become U+FFFD, what is no JSON is left out. */
export function storable(value: unknown): Stored {
  return clean(JSON.parse(JSON.stringify(value) ?? 'null') as Stored);
}

function clean(value: Stored): Stored {
  if (typeof value === 'string') return value.replace(UNSTORABLE, '\ufffd');
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key.replace(UNSTORABLE, '\ufffd'), clean(field)]));
}
