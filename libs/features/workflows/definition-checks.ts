import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { WorkflowDefinition } from '@atrium/contracts';
import { AgentsQueries } from '@atrium/features/agents';
import { Db } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { Expressions } from './expressions/expressions.js';
import { hasExpression } from './expressions/language.js';
import { openToExpressions } from './open-schema.js';
import { type Action, actionsOf, expressionsOf, orderFaults, type Place, referenceFaults } from './workflow-definition.js';
import { WorkflowRepository } from './workflow.repository.js';

/** What can be known of a definition before anything of it runs. */
@Injectable()
export class DefinitionChecks {
  constructor(
    private readonly db: Db,
    private readonly expressions: Expressions,
    private readonly tools: ToolRegistry,
    private readonly agents: AgentsQueries,
    private readonly workflows: WorkflowRepository,
  ) {}

  /** What is wrong with it, place by place; pointers into the definition. Not inside a transaction. */
  async faultsOf(ctx: OrgContext, definition: WorkflowDefinition): Promise<Place[]> {
    const actions = actionsOf(definition);
    return [
      ...orderFaults(definition),
      ...referenceFaults(definition),
      ...(await this.expressions.check(ctx.orgId, expressionsOf(definition), definition.input)),
      ...(await this.toolFaults(ctx, actions)),
      ...(await this.agentFaults(ctx, actions)),
      ...(await this.workflowFaults(ctx, actions)),
    ];
  }

  /** Tools that there are not, and arguments that theirs cannot be. A tool that waits for its review may be named already. */
  private async toolFaults(ctx: OrgContext, actions: readonly Action[]): Promise<Place[]> {
    const named = actions.flatMap(({ at, does }) =>
      does.kind === 'tool' ? [{ at, name: does.with.tool, value: does.with.arguments }] : [],
    );
    const calls = named.filter(({ name }) => !hasExpression(name));
    const schemas = await this.tools.inputSchemas(ctx, [...new Set(calls.map(({ name }) => name))]);
    const open = new Map([...schemas].map(([name, schema]) => [name, schema && openToExpressions(schema)]));
    const judgeable = calls.flatMap(({ at, name, value }) => {
      const schema = open.get(name) ?? null;
      return schema === null ? [] : [{ pointer: `${at}/arguments`, schema, value }];
    });
    return [...missing(calls, [...schemas.keys()], 'tool', 'there is no such tool'), ...(await this.expressions.fit(ctx.orgId, judgeable))];
  }

  private async agentFaults(ctx: OrgContext, actions: readonly Action[]): Promise<Place[]> {
    const named = actions.flatMap(({ at, does }) => (does.kind === 'agent' ? [{ at, name: does.with.agent }] : []));
    const asked = named.filter(({ name }) => !hasExpression(name));
    if (asked.length === 0) return [];
    const names = asked.map(({ name }) => name);
    return missing(asked, await this.agents.known(ctx, names), 'agent', 'there is no such agent');
  }

  private async workflowFaults(ctx: OrgContext, actions: readonly Action[]): Promise<Place[]> {
    const named = actions.flatMap(({ at, does }) => (does.kind === 'workflow' ? [{ at, name: does.with.workflowId.toLowerCase() }] : []));
    const started = named.filter(({ name }) => !hasExpression(name));
    if (started.length === 0) return [];
    const ids = started.map(({ name }) => name).filter((id) => z.uuid().safeParse(id).success);
    const known = await this.db.readInOrg(ctx, (tx) => this.workflows.known(tx, ctx, ids));
    return missing(started, known, 'workflowId', 'there is no such workflow');
  }
}

/** Those of what is named that are not known; `key` is where the name stands. */
function missing(named: readonly { at: string; name: string }[], known: readonly string[], key: string, message: string): Place[] {
  const there = new Set(known);
  return named.flatMap(({ at, name }) => (there.has(name) ? [] : [{ pointer: `${at}/${key}`, message }]));
}
