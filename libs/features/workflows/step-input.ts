import { z } from 'zod';
import { FreeHeaderName, FreeHeaderValue, judged, Time } from '@atrium/contracts';
import { Invalid } from '@atrium/platform/errors';
import type { JsonValue } from './expressions/language.js';

/** The longest wait, and the longest that an approval stays open. */
const MAX_SECONDS = 30 * 24 * 3_600;
const Seconds = z.number().min(0).max(MAX_SECONDS);

/** What a step needs once its expressions are evaluated. */
const STEP_INPUTS = {
  tool: z.strictObject({ tool: z.string(), arguments: z.json() }),
  agent: z.strictObject({ agent: z.string(), prompt: z.string().min(1).max(32_000) }),
  http: z.strictObject({
    method: z.string(),
    url: z.string(),
    headers: z.record(FreeHeaderName, z.union([z.string(), z.number(), z.boolean()]).transform(String).pipe(FreeHeaderValue)),
    body: z.json().optional(),
  }),
  approval: z.strictObject({
    message: z.string().min(1).max(16_000),
    assignees: z
      .array(z.union([z.uuid(), z.strictObject({ kind: z.literal('user'), id: z.uuid() }).transform(({ id }) => id)]))
      .min(1)
      .max(50),
    channelId: z.uuid().nullish(),
    expiresInSeconds: Seconds.min(1).nullish(),
  }),
  wait: z.union([z.strictObject({ seconds: Seconds }), z.strictObject({ until: Time })]),
  workflow: z.strictObject({ workflowId: z.uuid(), input: z.record(z.string(), z.json()) }),
} as const;
type Inputs = typeof STEP_INPUTS;
export type StepInput<K extends keyof Inputs> = z.output<Inputs[K]>;

/** @throws Invalid `workflows.invalid_step_input` */
export function stepInput<K extends keyof Inputs>(kind: K, value: JsonValue): StepInput<K> {
  const result = judged(STEP_INPUTS[kind] as unknown as z.ZodType<StepInput<K>>, value);
  if (result.success) return result.data;
  const places = result.error.issues.map((issue) => ({ pointer: `/${issue.path.map(String).join('/')}`, message: issue.message }));
  throw new Invalid(
    'workflows.invalid_step_input',
    `What the step was given does not have the documented form: ${places
      .map(({ pointer, message }) => `${pointer} ${message}`)
      .join('; ')
      .slice(0, 500)}.`,
    {
      places,
    },
  );
}

const OPEN_HEADERS = new Set(['accept', 'content-type', 'user-agent']);

/** What is kept of a step's input for people to see: values of headers may be secrets. */
export function shown(kind: string, value: JsonValue): JsonValue {
  if (kind !== 'http' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { headers } = value;
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return value;
  const masked = Object.entries(headers).map(([name, text]) => [name, OPEN_HEADERS.has(name.toLowerCase()) ? text : '[secret]']);
  return { ...value, headers: Object.fromEntries(masked) as JsonValue };
}
