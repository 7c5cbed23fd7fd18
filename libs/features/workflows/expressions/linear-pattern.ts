import { RE2JS, RE2JSException } from 're2js';

const MAX_PATTERN_CHARS = 1_000;

/** A pattern as Ajv asks for it. RE2 reads each character of a text once, so that no pattern takes for ever on any text. @throws RE2JSException */
export const linearPattern = Object.assign((pattern: string) => RE2JS.compile(RE2JS.translateRegExp(pattern)), { code: 'linearPattern' });

/** What is wrong with a pattern: its syntax, or what RE2 does without; null when it can be used. */
export function patternFault(pattern: string): string | null {
  if (pattern.length > MAX_PATTERN_CHARS) return `must be at most ${MAX_PATTERN_CHARS} characters`;
  // The translation would take the k of a reference by name for a letter.
  if (pattern.match(/\\./gsu)?.includes('\\k')) return 'must not refer back';
  try {
    linearPattern(pattern);
    return null;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return `must be a regular expression of RE2, which knows neither looking around nor referring back: ${error.message.replace('error parsing regexp: ', '')}`;
  }
}
