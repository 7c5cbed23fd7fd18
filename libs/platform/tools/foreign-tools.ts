import type { OnModuleInit } from '@nestjs/common';
import type { ForeignToolEffect } from '@atrium/contracts';
import { agentRunOf, type OrgContext } from '@atrium/platform/tenancy';
import { type ForeignTool, offeredTool } from './foreign-tool.js';
import type { OfferedTool, ToolProvider } from './tool.js';
import type { ToolRegistry } from './tool.registry.js';

/** Tools of other systems that an organization has allowed: a provider, once the registry knows it. */
export abstract class ForeignTools implements ToolProvider, OnModuleInit {
  readonly permission = 'agents:run' as const;

  constructor(private readonly registry: ToolRegistry) {}

  /** Those that can be called. */
  protected abstract callableNames(ctx: OrgContext): Promise<{ tool: string; effect: string }[]>;
  /** Of these names those that can be called, whole. */
  protected abstract callable(ctx: OrgContext, names: readonly string[]): Promise<ForeignTool[]>;
  abstract known(ctx: OrgContext, names: readonly string[]): Promise<string[]>;

  onModuleInit(): void {
    this.registry.provide(this);
  }

  async names(ctx: OrgContext): Promise<string[]> {
    return (await this.callableNames(ctx)).filter(({ effect }) => mayReach(ctx, effect as ForeignToolEffect)).map(({ tool }) => tool);
  }

  async offered(ctx: OrgContext, names: readonly string[]): Promise<OfferedTool[]> {
    const found = await this.callable(ctx, names);
    return found.filter(({ effect }) => mayReach(ctx, effect)).map((tool) => offeredTool(tool, this.permission));
  }
}

/** An agent has somebody to ask before something leaves in its runs only: not by a key of its own, nor in a workflow that one started. */
function mayReach(ctx: OrgContext, effect: ForeignToolEffect): boolean {
  return effect !== 'outward' || ctx.principal.kind !== 'agent' || agentRunOf(ctx) !== null;
}
