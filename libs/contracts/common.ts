import { z } from 'zod';

/** RFC 3339, UTC, milliseconds. */
export const Time = z.iso.datetime();

/** A time that is given, in UTC (`Z`) or with an offset (`+02:00`). */
export const Moment = z.iso.datetime({ offset: true }).refine((value) => {
  const year = new Date(value).getUTCFullYear();
  return year >= 1 && year <= 9_999;
}, 'must be in the years 1 to 9999');

/** One line of text: trimmed, no control characters. What people know something by is `named`. */
export const line = (maxChars: number, text = z.string()) =>
  text
    .trim()
    .min(1)
    .max(maxChars)
    .refine(isCleanText, 'must not contain control characters or broken Unicode')
    .refine((value) => !/[\n\t]/.test(value), 'must be one line');

/** Text of a person: any script, line breaks and tabs, but no NUL, other control characters or lone surrogates. */
export const text = (maxChars: number, given = z.string()) =>
  given.max(maxChars).refine(isCleanText, 'must not contain control characters or broken Unicode');

function isCleanText(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return (
    !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(value) &&
    !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)
  );
}

/** A client's own name for one request: the same key with the same request is worked on once, and answered as the first time. Kept 24 hours. */
export const IdempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters');

/** `?limit=&cursor=` of every list. `limit` is 1 to 200, default 50; `cursor` is what the page before gave as `nextCursor`. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(512).optional(),
});
export type PageQuery = z.infer<typeof PageQuery>;

export const page = <T extends z.ZodType>(item: T) => z.strictObject({ data: z.array(item), nextCursor: z.string().nullable() });
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/** Extensible attributes of a resource: up to 16 KiB of JSON. */
export const Metadata = z
  .record(z.string().max(128), z.json())
  .refine((value) => JSON.stringify(value).length <= 16_384, 'must be at most 16 KiB of JSON')
  .meta({ id: 'Metadata' });
export type Metadata = z.infer<typeof Metadata>;

/** Who acts: a person, an agent, or the system itself. */
export const Actor = z.strictObject({ kind: z.enum(['user', 'agent', 'system']), id: z.uuid().nullable() }).meta({ id: 'Actor' });
export type Actor = z.infer<typeof Actor>;
/** The run that did it in the name of who acts. */
export const Via = z.strictObject({ kind: z.enum(['workflow_run', 'agent_run']), id: z.uuid() }).meta({ id: 'Via' });
export type Via = z.infer<typeof Via>;
