import { z } from 'zod';

/** Headers that the protocol or the connection itself sets. */
const OWN_HEADERS =
  /^(accept|connection|content-.*|expect|host|idempotency-key|keep-alive|mcp-.*|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i;
export const HeaderName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'must be the name of a header')
  .refine((name) => !OWN_HEADERS.test(name), 'is a header that the protocol sets');
/** A name that becomes part of names of tools, which hold `__` themselves. */
export const namePart = (maxChars: number) =>
  z
    .string()
    .max(maxChars)
    .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, 'must be small letters and digits, in words joined by one _');
/** What may stand in a header. */
export const HeaderValue = z
  .string()
  .regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, 'must be visible ASCII characters')
  .max(8_000);

/** Headers that a user writes for a call by HTTP: any name that HTTP has, and values without what ends a line. */
export const FreeHeaderName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header');
const headerValue = (pattern: RegExp) =>
  z.string().max(8_000).regex(pattern, 'must hold no line breaks, control characters or characters beyond Latin-1');
export const FreeHeaderValue = headerValue(/^[\t\x20-\x7e\x80-\xff]*$/);
/** The same, or text with an expression, whose value is judged when it is known. */
export const FreeHeaderTemplate = headerValue(/^[\t\x20-\x7e\x80-\xff]*$|\$\{\{/);

/** Sent as `Authorization: Bearer …`. */
export const BearerCredential = z.strictObject({ kind: z.literal('bearer'), token: HeaderValue });
export const NamedCredential = z.strictObject({ kind: z.literal('header'), name: HeaderName, value: HeaderValue });
const BasicText = z
  .string()
  .normalize('NFC')
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not be empty or hold control characters');
/** Sent as `Authorization: Basic …`, in UTF-8 (RFC 7617). */
export const BasicCredential = z.strictObject({
  kind: z.literal('basic'),
  user: BasicText.regex(/^[^:]*$/, 'must hold no colon').max(200),
  password: BasicText.max(2_500),
});
/** What another system knows the organization by: sent in a header to this system only, and never shown again. */
export type HeaderCredential = z.infer<typeof BearerCredential | typeof NamedCredential | typeof BasicCredential>;

/**
 * What a call does, by the word of an administrator; what the other system says of itself counts for nothing. `reads`: nothing comes of it
 * but an answer. `writes`: it changes something at that system. `outward`: somebody has to agree to each call of an agent.
 */
export const ForeignToolEffect = z.enum(['reads', 'writes', 'outward']);
export type ForeignToolEffect = z.infer<typeof ForeignToolEffect>;
