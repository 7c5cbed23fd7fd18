import type { HttpMethod, ProblemPlace } from '@atrium/contracts';
import { Invalid, pointerTo } from '@atrium/platform/errors';
import { canonicalJson, type Json, type JsonObject } from '@atrium/platform/events';
import { boundedSchema, SchemaRefused } from '@atrium/platform/tools';
import { hasDots, placeholdersOf } from './url-template.js';

/** What has to fit together. */
export interface Definition {
  inputSchema: JsonObject;
  method: HttpMethod;
  url: string;
  headers: Record<string, string>;
  credentialHeader: string | null;
}

const SCALARS: unknown[] = ['string', 'integer', 'number', 'boolean'];

/** Methods that have no body. */
export const isBodiless = (method: string): boolean => method === 'GET' || method === 'DELETE';

/** @throws Invalid `http-tools.invalid_definition` with the faults; those of the URL only where there is a schema to compare it with */
export function assertSound(definition: Definition): void {
  const ofSchema = schemaFaults(definition.inputSchema);
  const ofUrl = ofSchema.length > 0 ? [] : urlFaults(definition);
  const places = [...ofSchema, ...ofUrl, ...headerFaults(definition)];
  const [first] = places;
  if (!first) return;
  const what = `The parts of the definition do not fit together: ${first.pointer} ${first.message}.`;
  throw new Invalid('http-tools.invalid_definition', what, { places: places.slice(0, 50) });
}

/** What is not checked may not stand in a schema: whoever wrote it would rely on it. */
function schemaFaults(schema: JsonObject): ProblemPlace[] {
  if (schema['additionalProperties'] !== false) return [{ pointer: '/inputSchema/additionalProperties', message: 'must be false' }];
  try {
    const at = difference(schema, boundedSchema(schema), ['inputSchema']);
    return at === null ? [] : [{ pointer: pointerTo(at), message: 'is not checked, or too long: leave it out' }];
  } catch (error) {
    if (!(error instanceof SchemaRefused)) throw error;
    return [{ pointer: '/inputSchema', message: error.message }];
  }
}

/** The first place of `given` that is not the same in `kept`. */
function difference(given: Json | undefined, kept: Json | undefined, path: string[]): string[] | null {
  if (!isParted(given) || !isParted(kept)) return canonicalJson(given) === canonicalJson(kept) ? null : path;
  for (const [key, value] of Object.entries(given)) {
    const at = difference(value, Object.hasOwn(kept, key) ? (kept as JsonObject)[key] : undefined, [...path, key]);
    if (at !== null) return at;
  }
  return null;
}

const isParted = (value: Json | undefined): value is JsonObject | Json[] => typeof value === 'object' && value !== null;

function urlFaults({ url, method, inputSchema }: Definition): ProblemPlace[] {
  const properties = (inputSchema['properties'] ?? {}) as Record<string, JsonObject>;
  const required = (inputSchema['required'] ?? []) as string[];
  const { path, query } = placeholdersOf(url);
  const faults: ProblemPlace[] = hasDots(url) ? [{ pointer: '/url', message: 'must not hold steps such as /../' }] : [];
  for (const name of new Set([...path, ...query]))
    if (!SCALARS.includes(properties[name]?.['type']))
      faults.push({ pointer: '/url', message: `{${name}} must be an argument that is a string, number or boolean` });
  for (const name of new Set(path))
    if (!required.includes(name)) faults.push({ pointer: '/url', message: `{${name}} must be a required argument` });
  if (!isBodiless(method)) return faults;
  const nowhere = Object.keys(properties).filter((name) => !path.includes(name) && !query.includes(name));
  return [
    ...faults,
    ...nowhere.map((name) => ({
      pointer: pointerTo(['inputSchema', 'properties', name]),
      message: `must stand in the URL, for ${method} has no body`,
    })),
  ];
}

function headerFaults({ headers, credentialHeader }: Definition): ProblemPlace[] {
  const taken = new Set(credentialHeader === null ? [] : [credentialHeader.toLowerCase()]);
  return Object.keys(headers).flatMap((name) => {
    const isTaken = taken.has(name.toLowerCase());
    taken.add(name.toLowerCase());
    return isTaken ? [{ pointer: `/headers/${name}`, message: 'is given twice, or carries the credential' }] : [];
  });
}
