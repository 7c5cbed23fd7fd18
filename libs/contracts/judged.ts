import { z } from 'zod';
import { issueText } from './issue-text.js';

/**
 * What a stranger sent, checked; what is wrong is told as a person reads it. As `safeParse`, but it never throws: zod compares the `length`
 * of what is no text and no list too, which fails for an object such as `{"length":{"toString":1}}`.
 */
export function judged<S extends z.ZodType>(schema: S, value: unknown): z.ZodSafeParseResult<z.output<S>> {
  try {
    return schema.safeParse(value, { error: issueText });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const message = 'holds an object where a text or a list is needed';
    const refused = new z.ZodError([{ code: 'custom', path: [], message, input: undefined }]);
    return { success: false, error: refused as z.ZodError<z.output<S>> };
  }
}
