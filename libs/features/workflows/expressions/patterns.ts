import { createContext, Script } from 'node:vm';

/** For a schema or a value; less than a whole job has. Milliseconds. */
const MAX_MS = 2_000;
/** For a pattern that is provoked. Milliseconds. */
const MAX_PATTERN_MS = 500;
const MAX_PATTERN_CHARS = 1_000;
/** So many that a pattern for which each sign doubles the work takes for ever. */
const REPEATS = 60;
const USUAL_SIGNS = 'aA0 _-.';

/** The time was over; the message says what took it. */
export class TooSlow extends Error {}

const work = createContext({ run: () => undefined as unknown });
const script = new Script('run()');
let tested: string | null = null;

/** Runs `what` in this thread, patterns included, no longer than its time. @throws TooSlow */
export function timed<T>(what: () => T, timeout = MAX_MS): T {
  tested = null;
  work['run'] = what;
  try {
    return script.runInContext(work, { timeout }) as T;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new TooSlow(tested === null ? 'takes too long to check' : `takes too long to check by the pattern ${tested}`);
  }
}

/** A pattern as Ajv asks for it, which says that it is being tested. */
export const watchedPattern = Object.assign(
  (pattern: string, flags: string) => {
    const expression = new RegExp(pattern, flags);
    const test = (text: string) => {
      tested = pattern;
      const isMatch = expression.test(text);
      tested = null;
      return isMatch;
    };
    return { test, toString: () => String(expression) };
  },
  { code: 'watchedPattern' },
);

/** What is wrong with a pattern: its syntax, or texts on which it takes for ever; null when nothing is found. */
export function patternFault(pattern: string): string | null {
  if (pattern.length > MAX_PATTERN_CHARS) return `must be at most ${MAX_PATTERN_CHARS} characters`;
  try {
    timed(() => provoke(pattern), MAX_PATTERN_MS);
    return null;
  } catch (error) {
    return error instanceof TooSlow
      ? 'may take for ever: a repetition in it can be read in many ways'
      : (error as Error).message.slice(0, 300);
  }
}

/** Tries the pattern, and each group that it repeats, on texts that nearly match: the same over and over, and then something else. */
function provoke(pattern: string): void {
  const signs = [...new Set([...USUAL_SIGNS, ...pattern])];
  const words = pattern.match(/\w{2,20}/g) ?? [];
  const whole = new RegExp(pattern, 'u');
  for (const expression of [whole, ...repeatedGroups(pattern)])
    for (const over of [...signs, ...words]) for (const end of ['\0', ...signs]) expression.test(over.repeat(REPEATS) + end);
}

/** Each `(…)+` and the like as a pattern of its own. */
function repeatedGroups(pattern: string): RegExp[] {
  const opened: number[] = [];
  const groups: RegExp[] = [];
  for (const { 0: token, index } of pattern.matchAll(
    /\\.|\[(?:\\.|[^\]])*\]|\((?:\?(?:[:=!]|<[=!]|<\w+>))?|\)(?:[*+]|\{\d+(?:,\d*)?\})?/gsu,
  )) {
    if (token.startsWith('(')) opened.push(index);
    if (!token.startsWith(')')) continue;
    const start = opened.pop() ?? 0;
    if (token.length > 1) groups.push(...compiled(`^${pattern.slice(start, index + token.length)}$`));
  }
  return groups;
}

/** None for a part that stands only in its whole, such as one that refers back. */
function compiled(part: string): RegExp[] {
  try {
    return [new RegExp(part, 'u')];
  } catch {
    return [];
  }
}
