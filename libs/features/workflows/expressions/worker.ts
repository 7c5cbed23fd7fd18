import { parentPort } from 'node:worker_threads';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { RE2JSException } from 're2js';
import { below, check, evaluate, ExpressionFault, type JsonValue, resolve, type Scope } from './language.js';
import { linearPattern } from './linear-pattern.js';
import { type Place, schemaFaults } from './schema-faults.js';

/** What the pool asks of this thread; the pool ends the thread when an answer takes too long. */
export type Job =
  | { op: 'check'; expressions: { pointer: string; source: string }[]; schema: JsonValue }
  | { op: 'evaluate'; source: string; scope: Scope }
  | { op: 'resolve'; templates: JsonValue[]; scope: Scope }
  | { op: 'fit'; values: Judged[] };
/** A value and what it must be; `pointer` says where it stands. */
export type Judged = { pointer: string; schema: JsonValue; value: JsonValue };
export type Answer = { value: JsonValue } | { places: Place[] } | { fault: string };

function answer(job: Job): Answer {
  try {
    if (job.op === 'check') return { places: [...faults(job.expressions), ...inputFaults(job.schema)] };
    if (job.op === 'fit') return { places: misfits(job.values) };
    if (job.op === 'evaluate') return { value: evaluate(job.source, job.scope) };
    return { value: job.templates.map((template) => resolve(template, job.scope)) };
  } catch (error) {
    if (error instanceof ExpressionFault) return { fault: error.message };
    return { fault: error instanceof RangeError ? 'the value is too large' : 'cannot be evaluated' };
  }
}

const faults = (expressions: { pointer: string; source: string }[]): Place[] =>
  expressions.flatMap(({ pointer, source }) => {
    try {
      check(source);
      return [];
    } catch (error) {
      return [{ pointer, message: error instanceof Error ? error.message : 'cannot be read' }];
    }
  });

const newAjv = () =>
  new Ajv2020({ strict: false, allErrors: true, validateFormats: false, logger: false, code: { regExp: linearPattern } });

/** A schema that nothing is wrong with by itself is compiled, which finds the rest. */
function inputFaults(schema: JsonValue): Place[] {
  const under = (place: Place) => ({ ...place, pointer: `/input${place.pointer}` });
  try {
    const places = schemaFaults(schema).map(under);
    if (places.length === 0) newAjv().compile(schema as object);
    return places;
  } catch (error) {
    return [under({ pointer: '', message: error instanceof Error ? error.message.slice(0, 300) : 'is no JSON Schema' })];
  }
}

/** At most 20 places of each value. A schema that several values share is compiled once. */
function misfits(values: readonly Judged[]): Place[] {
  const ajv = newAjv();
  return values.flatMap(({ pointer, schema, value }) => {
    try {
      const fits = ajv.compile(schema as object);
      return onePerPlace(fits(value) ? [] : (fits.errors ?? [])).map((place) => ({ ...place, pointer: `${pointer}${place.pointer}` }));
    } catch (error) {
      if (error instanceof RangeError) return [{ pointer, message: 'is nested too deep to be checked' }];
      // Of a definition from before patterns were those of RE2.
      if (error instanceof RE2JSException)
        return [{ pointer, message: `cannot be checked, for a pattern of its schema is none of RE2: ${error.message}` }];
      throw error;
    }
  });
}

/** Of what is said about one place the first, and nothing of conditions, whose consequences say what is wrong. */
function onePerPlace(errors: readonly ErrorObject[]): Place[] {
  const places = new Map<string, Place>();
  for (const place of errors.filter(({ keyword }) => keyword !== 'if').map(placeOf))
    if (!places.has(place.pointer)) places.set(place.pointer, place);
  return [...places.values()].slice(0, 20);
}

/** At the property itself where one is missing or not known. */
function placeOf({ instancePath, keyword, message = 'does not fit', params }: ErrorObject): Place {
  if (keyword === 'required') return { pointer: below(instancePath, String(params['missingProperty'])), message: 'must be given' };
  if (keyword === 'additionalProperties')
    return { pointer: below(instancePath, String(params['additionalProperty'])), message: 'is not known' };
  return { pointer: instancePath, message };
}

parentPort?.on('message', ({ id, job }: { id: number; job: Job }) => parentPort?.postMessage({ id, answer: answer(job) }));
