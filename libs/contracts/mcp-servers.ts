import { z } from 'zod';
import { page, Time } from './common.js';
import { BearerCredential, ForeignToolEffect, NamedCredential, namePart } from './foreign-tools.js';
import { McpServerId, McpServerToolId } from './ids.js';

const McpServerName = namePart(24).refine((name) => name !== 'http', 'is what tools by HTTP are named with');

const McpServerUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2_000)
  .refine(
    (url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''),
    'must not hold a user or password',
  );

/** What the server knows the organization by: sent with every request to it, and never shown again. */
export const McpCredential = z.discriminatedUnion('kind', [BearerCredential, NamedCredential]).meta({ id: 'McpCredential' });

/** A server of the Model Context Protocol whose tools the organization may use. */
export const McpServer = z
  .strictObject({
    id: McpServerId,
    /** Its tools are named `<name>__<tool>`. */
    name: z.string(),
    url: z.string(),
    /** Turned off, none of its tools can be called. */
    enabled: z.boolean(),
    /** The header in which the credential is sent; null without one. */
    credentialHeader: z.string().nullable(),
    /** When it was last asked for its tools by an administrator. */
    refreshedAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'McpServer' });
export type McpServer = z.infer<typeof McpServer>;
export const McpServerPage = page(McpServer).meta({ id: 'McpServerPage' });

/** `name` is for ever. Tools come with the first `refresh`; none can be called before it is allowed. */
export const CreateMcpServer = z
  .strictObject({
    name: McpServerName,
    url: McpServerUrl,
    credential: McpCredential.nullable().default(null),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'CreateMcpServer' });
export type CreateMcpServer = z.infer<typeof CreateMcpServer>;
/** Another `url` needs the credential anew (or null), and every tool that was allowed has to be reviewed again. */
export const PatchMcpServer = z
  .strictObject({ url: McpServerUrl.optional(), credential: McpCredential.nullish(), enabled: z.boolean().optional() })
  .meta({ id: 'PatchMcpServer' });
export type PatchMcpServer = z.infer<typeof PatchMcpServer>;

/** `new`: nobody has reviewed it. `changed`: it was allowed, and is not what was allowed any more. Only `allowed` ones can be called. */
export const McpToolState = z.enum(['new', 'allowed', 'blocked', 'changed']);
export type McpToolState = z.infer<typeof McpToolState>;
const definition = {
  /** In one line, cut after 1,000 characters, without control characters. */
  description: z.string(),
  /** What Atrium checks arguments by: references are resolved; patterns, formats and conditions are left to the server. */
  inputSchema: z.record(z.string(), z.json()),
  /** What the server says of the tool. Nothing follows from it. */
  annotations: z.record(z.string(), z.json()),
};

/** A tool of such a server, as it was last found. */
export const McpServerTool = z
  .strictObject({
    id: McpServerToolId,
    serverId: McpServerId,
    /** The server's name for it. */
    name: z.string(),
    /** The name by which agents, workflows and MCP clients call it. */
    tool: z.string(),
    ...definition,
    /** SHA-256 over all that the server says of it, in hex. */
    hash: z.string(),
    state: McpToolState,
    effect: ForeignToolEffect,
    /** Why it cannot be allowed; null when it can. */
    unusable: z.string().nullable(),
    /** What was allowed last, to compare with; null when it never was. */
    reviewed: z.strictObject(definition).nullable(),
    /** Since when the server no longer offers it. */
    missingSince: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'McpServerTool' });
export type McpServerTool = z.infer<typeof McpServerTool>;
export const McpServerToolPage = page(McpServerTool).meta({ id: 'McpServerToolPage' });

/** `hash` is that of the definition that was reviewed: what changed meanwhile is not allowed. */
export const ReviewMcpServerTool = z
  .strictObject({
    state: z.enum(['allowed', 'blocked']),
    hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be the hash of the tool'),
    effect: ForeignToolEffect.optional(),
  })
  .meta({ id: 'ReviewMcpServerTool' });
export type ReviewMcpServerTool = z.infer<typeof ReviewMcpServerTool>;
