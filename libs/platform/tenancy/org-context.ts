import { ROLE_PERMISSIONS, type AgentId, type OrgId, type Permission, type Role, type UserId, type Via } from '@atrium/contracts';
import { Forbidden } from '@atrium/platform/errors';

/** Who acts. An agent acts on behalf of a person, with no more rights than that person; `system` is Atrium's own work. */
export type Principal =
  | { readonly kind: 'user'; readonly id: UserId; readonly role: Role; readonly onBehalfOf: null }
  | { readonly kind: 'agent'; readonly id: AgentId; readonly role: Role; readonly onBehalfOf: UserId }
  | { readonly kind: 'system'; readonly id: null; readonly role: null; readonly onBehalfOf: null };

/** A request's Idempotency-Key. The first writing transaction of the request claims it; a repeat answers the stored result. */
export interface IdempotencyClaim {
  readonly key: string;
  readonly requestHash: string;
  claimed: boolean;
  replayed: boolean;
}

/** Where a request comes from, known before anybody is signed in. */
export interface Caller {
  readonly requestId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly idempotency: IdempotencyClaim | null;
  /** The If-Match header. */
  readonly ifMatch: string | null;
}

/** A session or API key. */
export interface Credential {
  readonly kind: 'session' | 'api_key';
  readonly id: string;
  /** When the key, or the access token of the session, ends by itself. Milliseconds since 1970; null: it does not. */
  readonly expiresAt: number | null;
}

/** Who acts, in which organization, with which rights: the first parameter of every service method. Made by the guard, frozen. */
export interface OrgContext extends Caller {
  readonly orgId: OrgId;
  readonly principal: Principal;
  readonly permissions: ReadonlySet<Permission>;
  /** What authenticated the request; null for work of the system. */
  readonly credential: Credential | null;
  /** The run that does this; null for all else. `runContext` makes them. */
  readonly via: Via | null;
}

/** The organization of id zero: its log holds the events of identity (sign-ins), which belong to no organization. */
export const INSTANCE_ORG = '00000000-0000-0000-0000-000000000000' as OrgId;

/** A context for Atrium's own work in an organization: durable functions, subscribers, sweeps. */
export function systemContext(orgId: OrgId, requestId: string): OrgContext {
  return Object.freeze({
    orgId,
    principal: { kind: 'system', id: null, role: null, onBehalfOf: null },
    permissions: new Set(ROLE_PERMISSIONS.owner),
    credential: null,
    via: null,
    requestId,
    ip: null,
    userAgent: null,
    idempotency: null,
    ifMatch: null,
  } satisfies OrgContext);
}

/** For Atrium's own work on behalf of what `ctx` does: by the same request, and the same run. */
export const systemFor = ({ orgId, requestId, via }: OrgContext): OrgContext => Object.freeze({ ...systemContext(orgId, requestId), via });

/** For what a run does: it is the `via` of all that comes of it, and its id the request id. */
export const runContext = (orgId: OrgId, via: Via): OrgContext =>
  Object.freeze({ ...systemContext(orgId, `${via.kind === 'agent_run' ? 'agent-run' : 'run'}-${via.id}`), via });

/** The run of an agent that does this, if one does. */
export const agentRunOf = ({ via }: Pick<OrgContext, 'via'>): string | null => (via?.kind === 'agent_run' ? via.id : null);

/** The columns of a row that say by which run it was made. */
interface ViaColumns {
  viaKind: string | null;
  viaId: string | null;
}
export const viaColumns = ({ via }: Pick<OrgContext, 'via'>): ViaColumns => ({ viaKind: via?.kind ?? null, viaId: via?.id ?? null });
export const viaOf = ({ viaKind, viaId }: ViaColumns): Via | null => (viaId === null ? null : { kind: viaKind as Via['kind'], id: viaId });

/** The same context for an agent of the organization that acts on behalf of the person of `ctx`. */
export function asAgent(ctx: OrgContext, agentId: AgentId, onBehalfOf: UserId, role: Role): OrgContext {
  return Object.freeze({
    ...ctx,
    principal: { kind: 'agent', id: agentId, role, onBehalfOf },
    permissions: new Set(ROLE_PERMISSIONS[role]),
    idempotency: null,
  } satisfies OrgContext);
}

/** The person whose rights count: the user, or whom the agent acts for. Null for the system. */
export function personOf(ctx: OrgContext): UserId | null {
  return ctx.principal.kind === 'user' ? ctx.principal.id : ctx.principal.onBehalfOf;
}

/** @throws Forbidden `auth.permission_missing` */
export function assertPermission(ctx: OrgContext, permission: Permission): void {
  if (!ctx.permissions.has(permission))
    throw new Forbidden('auth.permission_missing', `This needs the permission ${permission}.`, { params: { permission } });
}
