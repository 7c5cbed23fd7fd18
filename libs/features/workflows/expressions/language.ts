import { type ASTNode, Environment, Optional } from '@marcbachmann/cel-js';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** What an expression may name. */
export const VARIABLES = ['input', 'steps', 'run', 'item', 'index', 'event'] as const;
export type Scope = Partial<Record<(typeof VARIABLES)[number], JsonValue>>;

/** An expression at fault: its text, its types, or its value for these variables. */
export class ExpressionFault extends Error {}

const MAX_EXPRESSION_CHARS = 2_000;
const MAX_DEPTH = 32;

/** JSON knows one kind of number, CEL several: these let `input.count + 1` mean what it says. */
function environment(): Environment {
  const env = new Environment({
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: { maxAstNodes: 1_000, maxDepth: 50, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 32 },
  });
  for (const name of VARIABLES) env.registerVariable(name, 'dyn');
  const operators: [string, (a: number, b: number) => number][] = [
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
    ['*', (a, b) => a * b],
    ['/', (a, b) => a / b],
    ['%', (a, b) => a % b],
  ];
  for (const [sign, operate] of operators) {
    const mixed = (a: number | bigint, b: number | bigint) => operate(Number(a), Number(b));
    env.registerOperator(`double ${sign} int`, mixed).registerOperator(`int ${sign} double`, mixed);
  }
  env.registerOperator('double % double', (a: number, b: number) => a % b);
  return env;
}

const env = environment();

/** @throws ExpressionFault when it cannot be evaluated for any input. */
export function check(source: string): void {
  const { ast, check: types } = parsed(source);
  if (calls(ast, 'matches')) throw new ExpressionFault('matches() is not available: a pattern may take for ever');
  const { valid, error } = types();
  if (!valid) throw new ExpressionFault(firstLine(error));
}

/** @throws ExpressionFault */
export function evaluate(source: string, scope: Scope): JsonValue {
  check(source);
  try {
    const variables = Object.fromEntries(VARIABLES.map((name) => [name, scope[name] ?? null]));
    return toJson(parsed(source)(variables), 0);
  } catch (error) {
    throw error instanceof ExpressionFault ? error : new ExpressionFault(firstLine(error));
  }
}

/** What stands between each `${{` and the next `}}`; in linear time, for a text may open many and close none. */
function holesIn(text: string): { start: number; end: number; source: string }[] {
  const holes: ReturnType<typeof holesIn> = [];
  for (let start = text.indexOf('${{'); start !== -1; start = text.indexOf('${{', holes.at(-1)?.end)) {
    const close = text.indexOf('}}', start + 3);
    if (close === -1) break;
    holes.push({ start, end: close + 2, source: text.slice(start + 3, close).trim() });
  }
  return holes;
}

/** The expressions in the strings of a template, each with its JSON pointer. */
export function expressionsIn(template: JsonValue, pointer = ''): { pointer: string; source: string }[] {
  if (typeof template === 'string') return holesIn(template).map(({ source }) => ({ pointer, source }));
  if (typeof template !== 'object' || template === null) return [];
  return Object.entries(template).flatMap(([key, value]) => expressionsIn(value, below(pointer, key)));
}

export const hasExpression = (text: string): boolean => holesIn(text).length > 0;

/** The JSON pointer to what stands below another one. */
export const below = (pointer: string, key: string): string => `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** The template with its expressions evaluated: a string that is one expression becomes the value, whatever its type. @throws ExpressionFault */
export function resolve(template: JsonValue, scope: Scope): JsonValue {
  if (typeof template === 'string') return resolveText(template, scope);
  if (Array.isArray(template)) return template.map((item) => resolve(item, scope));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, resolve(value, scope)]));
}

function resolveText(text: string, scope: Scope): JsonValue {
  const holes = holesIn(text);
  const [first] = holes;
  if (!first) return text;
  if (first.start === 0 && first.end === text.length) return evaluate(first.source, scope);
  const filled = holes.map(({ start, source }, at) => {
    const value = evaluate(source, scope);
    const shown = typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);
    return text.slice(holes[at - 1]?.end ?? 0, start) + shown;
  });
  return filled.join('') + text.slice(holes.at(-1)?.end);
}

function parsed(source: string) {
  if (source.length > MAX_EXPRESSION_CHARS) throw new ExpressionFault(`must be at most ${MAX_EXPRESSION_CHARS} characters`);
  try {
    return env.parse(source);
  } catch (error) {
    throw new ExpressionFault(firstLine(error));
  }
}

/** Whether the function is called anywhere in the expression. */
function calls(node: ASTNode, name: string): boolean {
  const { op, args } = node;
  if ((op === 'call' || op === 'rcall') && (args as unknown[])[0] === name) return true;
  return parts(args).some((part) => calls(part, name));
}

function parts(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(parts);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}

/** Whole numbers, times, durations and bytes of CEL as JSON has them. */
function toJson(value: unknown, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw new ExpressionFault(`a value is nested deeper than ${MAX_DEPTH} levels`);
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Optional) return value.hasValue() ? toJson(value.value(), depth) : null;
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, field]) => [String(key), toJson(field, depth + 1)]));
  if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, toJson(field, depth + 1)]));
  return String(value);
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'cannot be evaluated').slice(0, 300);
