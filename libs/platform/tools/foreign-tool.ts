import { Ajv2020 } from 'ajv/dist/2020.js';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { ForeignToolEffect, Permission, ProblemPlace, Tool as ToolShape, ToolEffect } from '@atrium/contracts';
import { type Db, storable, type Tx } from '@atrium/platform/db';
import { Conflict, DomainError } from '@atrium/platform/errors';
import { canonicalJson, type JsonObject } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { cleanText, cut } from './clean-text.js';
import type { OfferedTool } from './tool.js';

const MAX_TEXT_CHARS = 60_000;
const MAX_STRUCTURED_CHARS = 60_000;
const MAX_STRUCTURED_DEPTH = 32;
/** Why nothing was sent, as SafeFetch tells it. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'no_address',
]);

/**
 * What a call does, as the registry tells it. Arguments leave the organization whatever the tool does, so that a run which has read
 * something untrusted asks a person even for one that only reads; and whatever comes back is untrusted.
 */
const EFFECTS: Record<ForeignToolEffect, readonly ToolEffect[]> = {
  reads: ['reads_untrusted', 'publishes'],
  writes: ['reads_untrusted', 'publishes', 'writes'],
  outward: ['reads_untrusted', 'publishes', 'sends_out'],
};

/** What a tool of another system answered, bounded and without control characters. */
export const ForeignAnswer = z.strictObject({
  /** What it said, at most 60,000 characters. */
  text: z.string(),
  /** The same for programs; null where there is none, or too much of it. */
  structured: z.json(),
});
export type ForeignAnswer = z.infer<typeof ForeignAnswer>;
const ANSWER_SCHEMA = z.toJSONSchema(ForeignAnswer) as ToolShape['outputSchema'];

/** A tool of another system, whose schema is bounded (`boundedSchema`). */
export interface ForeignTool {
  name: string;
  description: string;
  inputSchema: ToolShape['inputSchema'];
  /** Names the definition that an approval holds for. */
  version: string;
  effect: ForeignToolEffect;
  run(ctx: OrgContext, args: Record<string, unknown>): Promise<ForeignAnswer>;
}

/** The tool as a provider gives it to the registry. */
export function offeredTool({ inputSchema, effect, ...tool }: ForeignTool, permission: Permission): OfferedTool {
  const { name, description } = tool;
  const effects = EFFECTS[effect];
  return {
    tool: { ...tool, permission, input: argumentsOf(inputSchema), output: ForeignAnswer, effects },
    shape: { name, description, permission, effects: [...effects], inputSchema, outputSchema: ANSWER_SCHEMA },
  };
}

/**
 * Writes down that a call is made, before it is; gives what `note` gives, which is kept with the key. A key that was used before is that of
 * a call which may have happened; one that only reads claims none.
 * @throws Conflict `tools.outcome_unknown`, and what `note` throws
 */
export async function begun<T>(
  db: Db,
  ctx: OrgContext,
  { name, effect }: Pick<ForeignTool, 'name'> & { effect: string },
  note: (tx: Tx) => Promise<T>,
): Promise<T> {
  const claiming = effect === 'reads' ? { ...ctx, idempotency: null } : ctx;
  const noted = await db.inOrg(claiming, note);
  if (claiming.idempotency?.replayed) throw outcomeUnknown(`The call of ${name} was begun before.`);
  return noted;
}

/**
 * What failed in a call that had begun, of which the parameter `sent` tells whether it left. One that only reads may be made again. Of others
 * nobody knows whether one that was sent happened, and the key of one that was not is used: whoever wants it asks anew.
 */
export function outcomeOf(effect: string, error: unknown): unknown {
  if (!(error instanceof DomainError) || effect === 'reads') return error;
  const { kind, code, message, options } = error;
  const sent = options.params?.['sent'];
  if (sent === undefined) return error;
  return sent === true ? outcomeUnknown(message) : new DomainError(kind, code, message, { ...options, retryable: false });
}

const outcomeUnknown = (what: string) => new Conflict('tools.outcome_unknown', `${what} It may have happened.`);

/** Whether SafeFetch failed before anything of the call was sent. */
export const wasNotSent = ({ code, options }: DomainError): boolean =>
  code === 'outbound.refused' || NOT_SENT.has(String(options.params?.['reason']));

/** Text of others without control characters; of one that is too long the beginning, with a note. */
export function boundedText(said: string): string {
  const text = cleanText(said);
  return text.length <= MAX_TEXT_CHARS ? text : `${cut(text, MAX_TEXT_CHARS)}… (cut after ${MAX_TEXT_CHARS} characters)`;
}

/** A value of others as it can be kept; null when it is too large or too deep. */
export function boundedValue(value: unknown): ForeignAnswer['structured'] {
  if (value === undefined || !isShallow(value, MAX_STRUCTURED_DEPTH)) return null;
  const text = JSON.stringify(value);
  return text.length > MAX_STRUCTURED_CHARS ? null : storable(cleaned(JSON.parse(text)));
}

/** A JSON value whose strings and names of properties are clean text. */
function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cleaned);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [cleanText(name), cleaned(one)]));
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((one) => isShallow(one, levels - 1));
}

type Checker = (args: unknown) => ProblemPlace[];
/** Compiled once: it costs much more than to check. */
const checkers = new LRUCache<string, Checker>({ max: 500 });

/** What does not fit, at most 20 places; only for schemas that are bounded. */
export function checkerOf(schema: JsonObject): Checker {
  const key = canonicalJson(schema);
  const known = checkers.get(key) ?? compiled(schema);
  checkers.set(key, known);
  return known;
}

function compiled(schema: JsonObject): Checker {
  const fits = new Ajv2020({ strict: false, validateSchema: false, logger: false, ownProperties: true }).compile(schema);
  return (args) => {
    if (fits(args)) return [];
    return (fits.errors ?? [])
      .slice(0, 20)
      .map(({ instancePath, message }) => ({ pointer: instancePath, message: message ?? 'does not fit' }));
  };
}

/** The way that a JSON Pointer leads. */
const partsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** Arguments as the bounded schema wants them. */
function argumentsOf(schema: JsonObject): z.ZodType {
  return z.record(z.string(), z.json()).superRefine((args, check) => {
    for (const { pointer, message } of checkerOf(schema)(args)) check.addIssue({ code: 'custom', path: partsOf(pointer), message });
  });
}
