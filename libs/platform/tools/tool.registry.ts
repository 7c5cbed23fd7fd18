import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { judged, PERMISSIONS, type Tool as ToolShape } from '@atrium/contracts';
import { Invalid, NotFound } from '@atrium/platform/errors';
import { assertPermission, type OrgContext } from '@atrium/platform/tenancy';
import type { Tool } from './tool.js';

/** Every tool of this installation. Features register theirs in `onModuleInit`. */
@Injectable()
export class ToolRegistry {
  private readonly tools = new Map<string, Tool>();

  /** A tool without a known permission, or with a taken name, stops the boot. */
  register<I extends z.ZodType, O extends z.ZodType>(tool: Tool<I, O>): void {
    if (!PERMISSIONS.includes(tool.permission)) throw new Error(`tool ${tool.name} declares no permission`);
    if (this.tools.has(tool.name)) throw new Error(`tool ${tool.name} is registered twice`);
    this.tools.set(tool.name, tool);
  }

  /**
   * Runs a tool with the rights of `ctx`; arguments and result are checked against its schemas.
   * @throws NotFound `tools.not_found`, Forbidden `auth.permission_missing`, Invalid `tools.invalid_arguments`
   */
  async call(ctx: OrgContext, name: string, args: unknown): Promise<unknown> {
    const tool = this.tools.get(name);
    if (!tool) throw new NotFound('tools.not_found', 'There is no such tool.', { params: { name } });
    assertPermission(ctx, tool.permission);
    const input = judged(tool.input, args);
    if (!input.success) {
      const places = input.error.issues.map((issue) => ({ pointer: `/${issue.path.map(String).join('/')}`, message: issue.message }));
      throw new Invalid('tools.invalid_arguments', `The arguments of ${name} do not have the documented form.`, { places });
    }
    return tool.output.parse(await tool.run(ctx, input.data));
  }

  /** The tools that the caller may use, by name. */
  list(ctx: OrgContext): ToolShape[] {
    return [...this.tools.values()]
      .filter((tool) => ctx.permissions.has(tool.permission))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, description, permission, effects, input, output }) => ({
        name,
        description,
        permission,
        effects: [...effects],
        inputSchema: z.toJSONSchema(input, { io: 'input' }) as ToolShape['inputSchema'],
        outputSchema: z.toJSONSchema(output, { io: 'output' }) as ToolShape['outputSchema'],
      }));
  }
}
