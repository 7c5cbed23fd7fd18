import type { Json, JsonObject } from '@atrium/platform/events';
import { Invalid } from '@atrium/platform/errors';

const PLACEHOLDER = /\{(\w+)\}/g;

/** The arguments that stand in a template, by the part in which they stand. */
export function placeholdersOf(template: string): { path: string[]; query: string[] } {
  const { path, query } = partsOf(template);
  const namesIn = (text: string) => [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
  return { path: namesIn(path), query: namesIn(query) };
}

/** Whether a part of the path means the one above it, or itself. */
export const hasDots = (template: string): boolean => partsOf(template).path.split('/').some(isDots);

/**
 * The address of a call. Values are encoded, so that none ends the part in which it stands; in the path none is empty, nor a step up. A
 * parameter of the query whose argument is not given is left out.
 * @throws Invalid `tools.invalid_arguments`
 */
export function filledUrl(template: string, args: JsonObject): string {
  const { path, query } = partsOf(template);
  const parameters =
    query === '' ? [] : query.split('&').filter((one) => placeholdersOf(`?${one}`).query.every((name) => isGiven(args, name)));
  const filledPath = path.replace(PLACEHOLDER, (_all, name: string) => segment(name, args));
  const filledQuery = parameters.join('&').replace(PLACEHOLDER, (_all, name: string) => encoded(name, args));
  return filledQuery === '' ? filledPath : `${filledPath}?${filledQuery}`;
}

function partsOf(template: string): { path: string; query: string } {
  const [path = '', ...query] = template.split('?');
  return { path, query: query.join('?') };
}

const isGiven = (args: JsonObject, name: string) => Object.hasOwn(args, name);
const isDots = (part: string) => /^(\.|%2e){1,2}$/i.test(part);

function segment(name: string, args: JsonObject): string {
  if (!isGiven(args, name) || args[name] === '') throw refused(name, 'must not be empty');
  // Some servers decode before they split a path.
  if (String(args[name]).split(/[\\/]/).some(isDots)) throw refused(name, 'must not be a step in a path');
  return encoded(name, args);
}

function encoded(name: string, args: JsonObject): string {
  const value = String(args[name] satisfies Json | undefined);
  if (/[\p{Cc}\p{Cs}]/u.test(value)) throw refused(name, 'must not hold control characters or broken Unicode');
  return encodeURIComponent(value);
}

function refused(name: string, message: string): Invalid {
  return new Invalid('tools.invalid_arguments', `The argument ${name} ${message}.`, { places: [{ pointer: `/${name}`, message }] });
}
