import { z } from 'zod';
import { page, Time } from './common.js';
import {
  BasicCredential,
  BearerCredential,
  ForeignToolEffect,
  HeaderName,
  HeaderValue,
  NamedCredential,
  namePart,
} from './foreign-tools.js';
import { HttpToolId } from './ids.js';
import { plainText } from './name.js';

export const HttpMethod = z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
export type HttpMethod = z.infer<typeof HttpMethod>;

/** Placeholders stand behind the first `/` or `?` only, and never in the middle of an encoded character. */
const URL_TEMPLATE =
  /^https?:\/\/[^\s/?#\\{}@]+(\/(\{[a-zA-Z][a-zA-Z0-9_]*\}|%[0-9a-fA-F]{2}|[\w.~!$&'()*+,;=:@/-])*)?(\?(\{[a-zA-Z][a-zA-Z0-9_]*\}|%[0-9a-fA-F]{2}|[\w.~!$&'()*+,;=:@/?-])*)?$/;
const UrlTemplate = z
  .string()
  .max(2_000)
  .regex(URL_TEMPLATE, 'must be an http or https URL without user and fragment, with placeholders in its path and query only')
  .refine((url) => URL.canParse(url.split(/[{?]/)[0] ?? ''), 'must be an http or https URL');

/** What the system knows the organization by: sent to this origin only, and never shown again. */
export const HttpToolCredential = z
  .discriminatedUnion('kind', [BearerCredential, NamedCredential, BasicCredential])
  .meta({ id: 'HttpToolCredential' });

const definition = {
  /** Told to models: what it does, when to use it, what it gives. */
  description: plainText(1_000).min(1),
  /** Of its arguments: an object with `additionalProperties: false`, of keywords that Atrium checks. */
  inputSchema: z.record(z.string(), z.json()),
  method: HttpMethod,
  /**
   * With `{argument}` in the path and query. A parameter of the query whose argument is not given is left out. Arguments that do not stand
   * in it are the JSON body of POST, PUT and PATCH.
   */
  url: UrlTemplate,
  /** Sent with every call, beside those of the call itself. Everybody who may manage the tools reads them. */
  headers: z.record(
    HeaderName.refine((name) => !/^(authorization|cookie)$/i.test(name), 'is a credential: give it as one'),
    HeaderValue.max(1_000),
  ),
  effect: ForeignToolEffect,
  /** Turned off, nobody can call it. */
  enabled: z.boolean(),
};

/** A tool that calls one address of another system. */
export const HttpTool = z
  .strictObject({
    id: HttpToolId,
    name: z.string(),
    /** The name by which agents, workflows and MCP clients call it: `http__<name>`. */
    tool: z.string(),
    ...definition,
    description: z.string(),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    /** The header in which the credential is sent; null without one. */
    credentialHeader: z.string().nullable(),
    /** SHA-256 over the definition, in hex: what an approval holds for. */
    hash: z.string(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'HttpTool' });
export type HttpTool = z.infer<typeof HttpTool>;
export const HttpToolPage = page(HttpTool).meta({ id: 'HttpToolPage' });

const MAX_HEADERS = 20;
const Headers = definition.headers.refine((headers) => Object.keys(headers).length <= MAX_HEADERS, `must be at most ${MAX_HEADERS}`);

/** `name` is for ever. */
export const CreateHttpTool = z
  .strictObject({
    name: namePart(50),
    ...definition,
    headers: Headers.default({}),
    credential: HttpToolCredential.nullable().default(null),
    effect: ForeignToolEffect.default('outward'),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'CreateHttpTool' });
export type CreateHttpTool = z.infer<typeof CreateHttpTool>;
/** A `url` of another origin needs the credential anew, or null. */
export const PatchHttpTool = z
  .strictObject({ ...definition, headers: Headers, credential: HttpToolCredential.nullable() })
  .partial()
  .meta({ id: 'PatchHttpTool' });
export type PatchHttpTool = z.infer<typeof PatchHttpTool>;

export const TestHttpTool = z.strictObject({ arguments: z.record(z.string(), z.json()).default({}) }).meta({ id: 'TestHttpTool' });
export type TestHttpTool = z.infer<typeof TestHttpTool>;
/** What the system answered. */
export const HttpToolTest = z
  .strictObject({
    /** Null where it did not answer. */
    status: z.int().nullable(),
    durationMs: z.int(),
    contentType: z.string().nullable(),
    /** At most 60,000 characters; null of what is neither JSON nor text. */
    body: z.string().nullable(),
    failure: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'HttpToolTest' });
export type HttpToolTest = z.infer<typeof HttpToolTest>;
