import type { JsonValue } from './expressions/language.js';

/** A body as it is sent, and the headers that go with it. */
export interface HttpCall {
  headers: Record<string, string>;
  body?: string;
}

/**
 * What steps of kind `http` and the tool `http_request` send: a string as it is, any other value as JSON. JSON, be it text or not, gets a
 * content-type unless one is given; `key` takes the place of an Idempotency-Key among the headers.
 */
export function httpCall(headers: Readonly<Record<string, string>>, body: JsonValue | undefined, key: string | null): HttpCall {
  const own = Object.entries(headers).filter(([name]) => key === null || name.toLowerCase() !== 'idempotency-key');
  const hasType = own.some(([name]) => name.toLowerCase() === 'content-type');
  const all = {
    ...(isJson(body) && !hasType ? { 'content-type': 'application/json' } : {}),
    ...Object.fromEntries(own),
    ...(key === null ? {} : { 'idempotency-key': key }),
  };
  return { headers: all, ...(isNone(body) ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) };
}

const isNone = (body: JsonValue | undefined): body is null | undefined => body === undefined || body === null;

function isJson(body: JsonValue | undefined): boolean {
  if (typeof body !== 'string') return !isNone(body);
  if (!/^\s*[[{]/.test(body)) return false;
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
