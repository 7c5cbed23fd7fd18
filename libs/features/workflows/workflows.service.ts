import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { CreateWorkflow, PatchWorkflow, UserId, Workflow, WorkflowDefinition, WorkflowId } from '@atrium/contracts';
import { Db, storable, type Tx } from '@atrium/platform/db';
import { Conflict, Forbidden, Invalid } from '@atrium/platform/errors';
import { canonicalJson, type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { DefinitionChecks } from './definition-checks.js';
import { RunExecutor } from './run-executor.js';
import { RunRepository } from './run.repository.js';
import type { Place } from './workflow-definition.js';
import { workflowTold } from './workflow-events.js';
import { type VersionRow, WorkflowRepository, type WorkflowRow } from './workflow.repository.js';

/** Many runs may be under way. */
const PATIENT = { timeoutSeconds: 60 };

/** The commands on workflows. A version never changes: another definition is the next version. */
@Injectable()
export class WorkflowsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly workflows: WorkflowRepository,
    private readonly checks: DefinitionChecks,
    private readonly runs: RunRepository,
    private readonly executor: RunExecutor,
  ) {}

  /** @throws Invalid `workflows.invalid_definition`, Forbidden `workflows.sign_in_to_publish`, Conflict `workflows.name_taken` */
  async create(ctx: OrgContext, { name, description, definition: given }: CreateWorkflow): Promise<Workflow> {
    const definition = kept(given);
    assertMayPublish(ctx, definition);
    assertFaultless(await this.checks.faultsOf(ctx, definition));
    return this.db.inOrg(ctx, async (tx) => {
      const at = new Date();
      const row: WorkflowRow = {
        id: uuidv7(),
        name,
        description,
        version: 1,
        triggerEvents: triggersOf(definition),
        createdBy: maker(ctx),
        createdAt: at,
        updatedAt: at,
      };
      await this.assertFree(tx, ctx, row);
      await this.workflows.insert(tx, ctx, row);
      await this.workflows.insertVersion(tx, ctx, newVersion(ctx, row, definition));
      await this.events.append(tx, ctx, workflowTold('workflows.created', row));
      return toWorkflow(row, definition);
    });
  }

  /**
   * Honours If-Match. A definition that differs becomes the next version; runs under way keep theirs.
   * @throws NotFound `workflows.not_found`, Forbidden `workflows.not_the_creator`, Invalid `workflows.invalid_definition`, Conflict
   * `workflows.name_taken`, `request.precondition_failed`
   */
  async change(ctx: OrgContext, id: WorkflowId, patch: PatchWorkflow): Promise<Workflow> {
    const given = patch.definition ? kept(patch.definition) : null;
    if (given) assertMayPublish(ctx, given);
    const faults = given ? await this.checks.faultsOf(ctx, given) : [];
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.workflows.lock(tx, ctx, id);
      assertMayChange(ctx, before);
      assertUnchanged(ctx, before);
      const { definition } = await this.workflows.version(tx, ctx, id, before.version);
      const isNew = given !== null && canonicalJson(given) !== canonicalJson(definition);
      // A tool or agent that is gone since is no fault of who says what is there already.
      if (isNew) assertFaultless(faults);
      const row: WorkflowRow = {
        ...before,
        name: patch.name ?? before.name,
        description: patch.description ?? before.description,
        ...(isNew ? { version: before.version + 1, triggerEvents: triggersOf(given) } : {}),
        updatedAt: later(before.updatedAt),
      };
      const changes = changesOf(before, row);
      if (!changes) return toWorkflow(before, definition);
      await this.assertFree(tx, ctx, row);
      await this.workflows.update(tx, ctx, row);
      if (isNew) await this.workflows.insertVersion(tx, ctx, newVersion(ctx, row, given));
      await this.events.append(tx, ctx, workflowTold('workflows.changed', row, changes));
      return toWorkflow(row, isNew ? given : definition);
    });
  }

  /**
   * Removes it with its versions, schedules and runs. Runs under way are cancelled first: their approvals are taken back, and what they
   * have started ends.
   * @throws NotFound `workflows.not_found`, Forbidden `workflows.not_the_creator`
   */
  async remove(ctx: OrgContext, id: WorkflowId): Promise<void> {
    const ending = await this.db.inOrg(
      ctx,
      async (tx) => {
        const row = await this.workflows.lock(tx, ctx, id);
        assertMayChange(ctx, row);
        assertUnchanged(ctx, row);
        const ended = await this.executor.closeAll(tx, ctx, () => this.runs.openOf(tx, ctx, id));
        await this.workflows.remove(tx, ctx, id);
        await this.events.eraseText(tx, ctx, { kind: 'workflow', id });
        await this.executor.tell(tx, ctx, ended);
        await this.events.append(tx, ctx, workflowTold('workflows.removed', row));
        return { runIds: ended.runIds, children: ended.children };
      },
      PATIENT,
    );
    await this.executor.endChildren(ctx, ending);
  }

  private async assertFree(tx: Tx, ctx: OrgContext, { id, name }: WorkflowRow): Promise<void> {
    await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`workflows|${ctx.orgId}`}, 0))::text`;
    if (await this.workflows.isNameTaken(tx, ctx, name, id)) throw new Conflict('workflows.name_taken', 'A workflow of this name exists.');
  }
}

/** As the database can keep it. */
const kept = (given: WorkflowDefinition) => storable(given) as unknown as WorkflowDefinition;

/** @throws Invalid `workflows.invalid_definition` with the place of each fault */
function assertFaultless(faults: readonly Place[]): void {
  if (faults.length === 0) return;
  throw new Invalid('workflows.invalid_definition', 'The definition cannot run as it is.', {
    places: faults.slice(0, 50).map(({ pointer, message }) => ({ pointer: `/definition${pointer}`, message })),
  });
}

export function toWorkflow(row: WorkflowRow, definition: WorkflowDefinition): Workflow {
  return {
    id: row.id as WorkflowId,
    name: row.name,
    description: row.description,
    version: row.version,
    definition: definition,
    createdBy: row.createdBy as UserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** Its creator and administrators. @throws Forbidden `workflows.not_the_creator` */
export function assertMayChange(ctx: OrgContext, { createdBy }: { createdBy: string }): void {
  const { role } = ctx.principal;
  if (createdBy === personOf(ctx) || role === 'owner' || role === 'admin') return;
  throw new Forbidden('workflows.not_the_creator', 'Only its creator and administrators may change this.');
}

/** The person in whose name something is made. */
export function maker(ctx: OrgContext): string {
  const person = personOf(ctx);
  if (person === null) throw new Error('the system makes no workflows');
  return person;
}

/** @throws Forbidden `workflows.sign_in_to_publish` */
function assertMayPublish({ credential }: OrgContext, definition: WorkflowDefinition): void {
  if (definition.triggers.length > 0 && credential?.kind !== 'session')
    throw new Forbidden('workflows.sign_in_to_publish', 'Publish a workflow that events start signed in, not with an API key.');
}

const triggersOf = ({ triggers }: WorkflowDefinition) => [...new Set(triggers.map(({ event }) => event))];

const newVersion = (ctx: OrgContext, { id, version, updatedAt }: WorkflowRow, definition: WorkflowDefinition): VersionRow => ({
  workflowId: id,
  number: version,
  definition,
  createdBy: maker(ctx),
  createdAt: updatedAt,
});

function changesOf(before: WorkflowRow, after: WorkflowRow): NonNullable<EventDraft['changes']> | null {
  const changes: NonNullable<EventDraft['changes']> = {
    ...(after.name === before.name ? {} : { name: ['[text]', '[text]'] as [string, string] }),
    ...(after.description === before.description ? {} : { description: ['[text]', '[text]'] as [string, string] }),
    ...(after.version === before.version ? {} : { version: [before.version, after.version] as [number, number] }),
  };
  return Object.keys(changes).length === 0 ? null : changes;
}
