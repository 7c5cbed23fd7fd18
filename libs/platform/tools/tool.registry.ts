import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { IdempotencyKey, judged, MAX_ISSUE_TEXT, PERMISSIONS, type Tool as ToolShape, type ToolEffect } from '@atrium/contracts';
import { Conflict, Invalid, NotFound, pointerTo } from '@atrium/platform/errors';
import { assertPermission, type OrgContext } from '@atrium/platform/tenancy';
import type { OfferedTool, Tool, ToolProvider, ToolSource } from './tool.js';

/** The argument that every tool that writes has beside its own. */
const KEY_ARGUMENT = {
  idempotencyKey: IdempotencyKey.optional().describe(
    'Your own name for this call. Send the same key again when you do not know whether the call arrived: it is done once, and answered alike.',
  ),
};

/** In the names of tools that an organization has for itself, and in no others. */
const PROVIDED = '__';

/** Whether a tool of this name is an organization's own, of which nothing is known here but by its provider. */
export const isOfOthers = (name: string): boolean => name.includes(PROVIDED);
const isForAudiences = ({ sourcesOf, effects }: Tool): boolean => sourcesOf !== undefined || !effects.includes('reads_private');
const isOffered = (ctx: OrgContext, tool: Tool): boolean => ctx.permissions.has(tool.permission) && (tool.isOpenTo?.(ctx) ?? true);
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Every tool of this installation, and those that an organization has beside them. Features register theirs in `onModuleInit`. */
@Injectable()
export class ToolRegistry {
  private readonly tools = new Map<string, OfferedTool>();
  private readonly providers: ToolProvider[] = [];

  /**
   * A tool without a known permission, with a taken name, with arguments that are no strict object, or with a schema that clients of MCP
   * would not take, stops the boot.
   */
  register<I extends z.ZodType, O extends z.ZodType>(tool: Tool<I, O>): void {
    if (!PERMISSIONS.includes(tool.permission)) throw new Error(`tool ${tool.name} declares no permission`);
    if (isOfOthers(tool.name)) throw new Error(`the name of the tool ${tool.name} holds ${PROVIDED}`);
    if (this.tools.has(tool.name)) throw new Error(`tool ${tool.name} is registered twice`);
    const whole = { ...tool, input: argumentsOf(tool) };
    this.tools.set(tool.name, { tool: whole, shape: shapeOf(whole) });
  }

  /** Asks for further tools at each use. */
  provide(provider: ToolProvider): void {
    this.providers.push(provider);
  }

  /**
   * Runs a tool with the rights of `ctx`; arguments and result are checked against its schemas. With `version` only while it is that one.
   * @throws NotFound `tools.not_found`, Forbidden `auth.permission_missing`, Invalid `tools.invalid_arguments`, Conflict `tools.changed`,
   * and what the tool throws
   */
  async call(ctx: OrgContext, name: string, args: unknown, version: string | null = null): Promise<unknown> {
    const { tool, input } = await this.judge(ctx, name, args);
    if (version !== null && tool.version !== version)
      throw new Conflict('tools.changed', `${name} has changed since the call was asked for. Look at it again.`);
    // To ours the key is no argument; a tool of others may have an argument of that name, which is its own.
    if (isOfOthers(name)) return tool.output.parse(await tool.run(ctx, input));
    const { idempotencyKey, ...own } = input;
    return tool.output.parse(await tool.run(typeof idempotencyKey === 'string' ? claiming(ctx, idempotencyKey, name, own) : ctx, own));
  }

  /** What the call would do, without making it. @throws as `call` does before the tool runs */
  async effectsOf(ctx: OrgContext, name: string, args: unknown): Promise<readonly ToolEffect[]> {
    const { tool, input } = await this.judge(ctx, name, args);
    return tool.effectsOf?.(input) ?? tool.effects;
  }

  /** What the tool is at this moment; null of one that does not change, and of none. */
  async versionOf(ctx: OrgContext, name: string): Promise<string | null> {
    return (await this.find(ctx, name))?.version ?? null;
  }

  /** What an output was made of; null of a tool that does not tell. */
  sourcesOf(name: string, output: unknown): ToolSource[] | null {
    return this.tools.get(name)?.tool.sourcesOf?.(output) ?? null;
  }

  /** Whether what it reads may become part of an answer to many readers: it reads nothing private, or tells its sources. */
  async isForAudiences(ctx: OrgContext, name: string): Promise<boolean> {
    const tool = await this.find(ctx, name);
    return tool !== null && isForAudiences(tool);
  }

  /** All that there are for the organization, whatever the caller may use. */
  async names(ctx: OrgContext): Promise<string[]> {
    return [...this.tools.keys(), ...(await Promise.all(this.providers.map((provider) => provider.names(ctx)))).flat()];
  }

  /** What those of these tools that there are take as arguments; null of one that cannot be called at this moment. Not inside a transaction. */
  async inputSchemas(ctx: OrgContext, names: readonly string[]): Promise<Map<string, ToolShape['inputSchema'] | null>> {
    const own = names.flatMap((name) => this.tools.get(name) ?? []);
    const sought = names.filter(isOfOthers);
    const others = sought.length === 0 ? [] : await Promise.all(this.providers.map((provider) => provider.known(ctx, sought)));
    return new Map([
      ...others.flat().map((name) => [name, null] as const),
      ...[...own, ...(await this.provided(ctx, names))].map(({ shape }) => [shape.name, shape.inputSchema] as const),
    ]);
  }

  async has(ctx: OrgContext, name: string): Promise<boolean> {
    return (await this.find(ctx, name)) !== null;
  }

  private async find(ctx: OrgContext, name: string): Promise<Tool | null> {
    return this.tools.get(name)?.tool ?? (await this.provided(ctx, [name]))[0]?.tool ?? null;
  }

  /** Those of the names that providers have. */
  private async provided(ctx: OrgContext, names: readonly string[]): Promise<OfferedTool[]> {
    const sought = names.filter(isOfOthers);
    if (sought.length === 0) return [];
    return (await Promise.all(this.providers.map((provider) => provider.offered(ctx, sought)))).flat();
  }

  private async judge(ctx: OrgContext, name: string, args: unknown): Promise<{ tool: Tool; input: Record<string, unknown> }> {
    const tool = await this.find(ctx, name);
    if (!tool) throw new NotFound('tools.not_found', 'There is no such tool.', { params: { name } });
    assertPermission(ctx, tool.permission);
    const input = judged(tool.input, args);
    if (input.success) return { tool, input: input.data as Record<string, unknown> };
    const places = input.error.issues.slice(0, 50).map((issue) => ({
      pointer: pointerTo(issue.path),
      message: issue.message.slice(0, MAX_ISSUE_TEXT),
    }));
    const first = places[0] ? ` ${places[0].pointer || 'they'} ${places[0].message}` : '';
    throw new Invalid('tools.invalid_arguments', `The arguments of ${name} do not have the documented form:${first}`, { places });
  }

  /** A page of the tools that the caller may use, by name; `after` is a name, exclusive. Of others' tools only those of the page are loaded. */
  async page(ctx: OrgContext, after: string, limit: number): Promise<ToolShape[]> {
    const own = [...this.tools.values()].flatMap(({ tool }) => (isOffered(ctx, tool) ? [tool.name] : []));
    const usable = this.providers.filter(({ permission }) => ctx.permissions.has(permission));
    const others = (await Promise.all(usable.map((provider) => provider.names(ctx)))).flat();
    const names = [...own, ...others].filter((name) => name > after).sort(byName);
    return this.among(ctx, names.slice(0, limit));
  }

  /** Those of the names that the caller may use, by name; `forAudiences`: and whose output may become part of an answer to many readers. */
  async among(ctx: OrgContext, names: readonly string[], { forAudiences = false } = {}): Promise<ToolShape[]> {
    const own = names.flatMap((name) => this.tools.get(name) ?? []);
    return [...new Set([...own, ...(await this.provided(ctx, names))])]
      .filter(({ tool }) => isOffered(ctx, tool) && (!forAudiences || isForAudiences(tool)))
      .map(({ shape }) => shape)
      .sort((a, b) => byName(a.name, b.name));
  }
}

function shapeOf({ name, description, permission, effects, input, output }: Tool): ToolShape {
  return {
    name,
    description,
    permission,
    effects: [...effects],
    inputSchema: jsonSchemaOf(name, input, 'input'),
    outputSchema: jsonSchemaOf(name, output, 'output'),
  };
}

function jsonSchemaOf(name: string, schema: z.ZodType, io: 'input' | 'output'): ToolShape['inputSchema'] {
  // The names that schemas have in OpenAPI are no keyword of JSON Schema.
  const override = ({ jsonSchema }: { jsonSchema: { id?: unknown } }) => void delete jsonSchema.id;
  // A copy without the name that it may have in OpenAPI, under which it would only point at itself.
  const made = z.toJSONSchema(schema.clone(schema.def), { io, override, unrepresentable: 'any' }) as ToolShape['inputSchema'];
  // One such tool, and a client refuses the whole list.
  if (made['type'] !== 'object') throw new Error(`the ${io} of the tool ${name} is no object: ${JSON.stringify(made).slice(0, 200)}`);
  return made;
}

/** The arguments of a tool as its callers see them. */
function argumentsOf({ name, input, effects }: Tool): z.ZodType {
  if (!(input instanceof z.ZodObject) || !(input.def.catchall instanceof z.ZodNever))
    throw new Error(`the arguments of the tool ${name} are no strict object`);
  return effects.includes('writes') ? input.extend(KEY_ARGUMENT) : input;
}

/** `ctx` with a claim of the key, bound to this tool and these arguments. */
function claiming(ctx: OrgContext, key: string, name: string, input: object): OrgContext {
  const requestHash = createHash('sha256')
    .update(`tool ${name}\n${JSON.stringify(input)}`)
    .digest('hex');
  return Object.freeze({ ...ctx, idempotency: { key, requestHash, claimed: false, replayed: false } });
}
