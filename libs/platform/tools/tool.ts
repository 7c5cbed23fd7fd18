import type { z } from 'zod';
import type { Permission, Tool as ToolShape } from '@atrium/contracts';
import type { OrgContext } from '@atrium/platform/tenancy';

/** A capability, offered to agents, MCP clients and workflows alike. */
export interface Tool<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** `noun_verb` or one word; unique. */
  name: string;
  /** Told to models: what it does and when to use it. */
  description: string;
  input: I;
  output: O;
  permission: Permission;
  effects: ToolShape['effects'];
  /** Rights come from `ctx` and never from `input`, which a model may have written. */
  run(ctx: OrgContext, input: z.output<I>): Promise<z.input<O>>;
}
