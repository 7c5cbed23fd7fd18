import { Injectable } from '@nestjs/common';
import { type AgentId, type OrgId, type Permission, ROLE_PERMISSIONS, type Role, type UserId } from '@atrium/contracts';
import { MembersQueries } from '@atrium/features/organizations';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import {
  assertPermission,
  Authenticator,
  type OrgContext,
  personOf,
  type Principal,
  PrincipalDirectory,
  runContext,
} from '@atrium/platform/tenancy';
import type { RunRow } from './run.repository.js';

type Starter = Pick<RunRow, 'actorKind' | 'actorId' | 'personId' | 'permissions'>;
/** `apiKeyId`: the key that this was left by, which has to be good still. */
type Leaver = Starter & { apiKeyId?: string | null };

/** What the run does, and in whose name is to be said. */
export const contextOf = (orgId: OrgId, runId: string): OrgContext => runContext(orgId, { kind: 'workflow_run', id: runId });

/** Who acts in `ctx`, as a run keeps it. The system starts no runs. */
export function starterOf(ctx: OrgContext): Starter {
  const { principal } = ctx;
  const personId = personOf(ctx);
  if (principal.kind === 'system' || personId === null) throw new Error('the system starts no runs');
  return { actorKind: principal.kind, actorId: principal.id, personId, permissions: [...ctx.permissions] };
}

/** The rights of a run: what its starter could do when it began, and may still do. */
@Injectable()
export class RunActor {
  constructor(
    private readonly members: MembersQueries,
    private readonly directory: PrincipalDirectory,
    private readonly authenticator: Authenticator,
  ) {}

  /**
   * The starter's context at this moment.
   * @throws Forbidden `workflows.starter_gone`, `workflows.key_gone`, `auth.permission_missing`, Conflict `agents.not_active`
   */
  async of(system: OrgContext, starter: Leaver): Promise<OrgContext> {
    const member = await this.members.get(system, starter.personId as UserId).catch((error: unknown) => {
      if (error instanceof NotFound) return null;
      throw error;
    });
    if (!member || member.suspendedAt)
      throw new Forbidden('workflows.starter_gone', 'Who started the run is no longer an active member of the organization.');
    if (starter.actorKind === 'agent' && !(await this.directory.mayAct(system.orgId, { kind: 'agent', id: starter.actorId })))
      throw new Conflict('agents.not_active', 'The agent that started the run is not active any more.');
    const held = new Set<Permission>(starter.apiKeyId ? await this.ofKey(system, starter.apiKeyId) : ROLE_PERMISSIONS[member.role]);
    const permissions = new Set(starter.permissions.filter((one): one is Permission => held.has(one as Permission)));
    const ctx = asStarter(system, starter, member.role, permissions);
    assertPermission(ctx, 'workflows:run');
    return ctx;
  }

  private async ofKey({ orgId }: OrgContext, id: string): Promise<ReadonlySet<Permission>> {
    const permissions = await this.authenticator.permissionsNow({ orgId, credential: { kind: 'api_key', id, expiresAt: null } });
    if (!permissions) throw new Forbidden('workflows.key_gone', 'The API key that it was made with is not valid any more.');
    return permissions;
  }
}

/** For the record only: in whose name something happened, without a right. */
export const inNameOf = (system: OrgContext, starter: Starter): OrgContext => asStarter(system, starter, 'guest', new Set());

function asStarter(system: OrgContext, starter: Starter, role: Role, permissions: ReadonlySet<Permission>): OrgContext {
  const principal: Principal =
    starter.actorKind === 'agent'
      ? { kind: 'agent', id: starter.actorId as AgentId, role, onBehalfOf: starter.personId as UserId }
      : { kind: 'user', id: starter.personId as UserId, role, onBehalfOf: null };
  return Object.freeze({ ...system, principal, permissions, credential: null, idempotency: null });
}
