import { parentPort } from 'node:worker_threads';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { check, evaluate, ExpressionFault, type JsonValue, resolve, type Scope } from './language.js';

/** What the pool asks of this thread; the pool ends the thread when an answer takes too long. */
export type Job =
  | { op: 'check'; expressions: { pointer: string; source: string }[]; schema: JsonValue }
  | { op: 'evaluate'; source: string; scope: Scope }
  | { op: 'resolve'; templates: JsonValue[]; scope: Scope }
  | { op: 'validate'; schema: JsonValue; value: JsonValue };
export type Place = { pointer: string; message: string };
export type Answer = { value: JsonValue } | { places: Place[] } | { fault: string };

function answer(job: Job): Answer {
  try {
    if (job.op === 'check') return { places: [...faults(job.expressions), ...schemaFaults(job.schema)] };
    if (job.op === 'validate') return { places: validate(job.schema, job.value) };
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

/** Nothing is loaded from elsewhere: a reference has to stand in the schema itself. */
const newAjv = () => new Ajv2020({ strict: false, allErrors: true, validateFormats: false, logger: false });

function schemaFaults(schema: JsonValue): Place[] {
  try {
    newAjv().compile(schema as object);
    return [];
  } catch (error) {
    return [{ pointer: '/input', message: error instanceof Error ? error.message.slice(0, 300) : 'is no JSON Schema' }];
  }
}

function validate(schema: JsonValue, value: JsonValue): Place[] {
  const fits = newAjv().compile(schema as object);
  if (fits(value)) return [];
  return (fits.errors ?? [])
    .slice(0, 20)
    .map(({ instancePath, message }) => ({ pointer: instancePath, message: message ?? 'does not fit' }));
}

parentPort?.on('message', ({ id, job }: { id: number; job: Job }) => parentPort?.postMessage({ id, answer: answer(job) }));
