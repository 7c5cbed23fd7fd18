import type { z } from 'zod';
import type { Permission, Tool as ToolShape, ToolEffect } from '@atrium/contracts';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Something that a reader of a tool's output reads. */
export interface ToolSource {
  kind: string;
  subjectId: string;
  /** As they were found; none where the tool does not know. What counts are those of the moment in which somebody reads. */
  grants: string[];
}

/** A capability, offered to agents, MCP clients and workflows alike. */
export interface Tool<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** `noun_verb` or one word; unique. */
  name: string;
  /** Told to models: what it does, when to use it, what it gives. */
  description: string;
  /** A strict object. To one that writes, the registry adds the optional `idempotencyKey`. */
  input: I;
  output: O;
  permission: Permission;
  /** Whether a caller of that permission is offered it at all, where not everyone could call it. */
  isOpenTo?(ctx: OrgContext): boolean;
  /** Names what it is at this moment, where that can change while the installation runs; an approval holds for this only. */
  version?: string;
  /** What it does to the world; MCP's annotations and approvals follow from it. */
  effects: readonly ToolEffect[];
  /** What this call does, of `effects`, when that depends on its arguments. */
  effectsOf?(input: z.output<I>): readonly ToolEffect[];
  /**
   * What the output was made of. A tool that has this reads within ReaderGrants only, so that its output may become part of an answer to
   * many readers; each of them needs one grant of every source.
   */
  sourcesOf?(output: z.output<O>): ToolSource[];
  /**
   * Rights come from `ctx` and never from `input`, which a model may have written. With an idempotency key, `ctx` carries its claim: the
   * first writing transaction takes it and a repeat is answered by its result, so the answer must follow from that transaction.
   */
  run(ctx: OrgContext, input: z.output<I>): Promise<z.input<O>>;
}

/** A tool and how its callers see it. */
export interface OfferedTool {
  tool: Tool;
  shape: ToolShape;
}

/** Tools that an organization has beside those of the installation. Their names hold `__`, which no other name does. */
export interface ToolProvider {
  /** What every one of its tools needs. */
  readonly permission: Permission;
  /** The names of those that there are for this caller at this moment, whatever the caller may use: read anew each time. Not inside a transaction. */
  names(ctx: OrgContext): Promise<string[]>;
  /** Of these names those that there are, whether or not they can be called at this moment. Not inside a transaction. */
  known(ctx: OrgContext, names: readonly string[]): Promise<string[]>;
  /** Of these names the tools themselves, with their schemas. Not inside a transaction. */
  offered(ctx: OrgContext, names: readonly string[]): Promise<OfferedTool[]>;
}
