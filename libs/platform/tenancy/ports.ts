import type { AgentId, OrgId, Permission, PrincipalRef, UserId } from '@atrium/contracts';
import type { Caller, OrgContext } from './org-context.js';

/** Turns a bearer token (access token or API key) into a context. Registered by the feature that owns accounts. */
export abstract class Authenticator {
  /** @throws Unauthenticated `auth.invalid_token` */
  abstract authenticate(token: string, caller: Caller): Promise<OrgContext>;
  /** Whether the credential of a context that was valid still is, and with the same rights. Called again for long-lived connections. */
  abstract isCurrent(ctx: OrgContext): Promise<boolean>;
  /** What the credential of a context gives now; null when it is over. */
  abstract permissionsNow(ctx: Pick<OrgContext, 'orgId' | 'credential'>): Promise<ReadonlySet<Permission> | null>;
}

/** Names of one kind of principal. Registered by the feature that owns it; answers only those that exist in the organization of `ctx`. */
export interface PrincipalNames {
  readonly kind: PrincipalRef['kind'];
  displayNames(orgId: OrgId, ids: string[]): Promise<Map<string, string>>;
  /** Whether it exists and may act now. Absent: whoever exists may. */
  mayAct?(orgId: OrgId, id: string): Promise<boolean>;
}

/** Display names of people and agents, without knowing who owns them. */
export class PrincipalDirectory {
  private readonly sources = new Map<PrincipalRef['kind'], PrincipalNames>();

  register(source: PrincipalNames): void {
    this.sources.set(source.kind, source);
  }

  /** The names by `kind:id`; a principal that is gone has none. */
  async displayNames(orgId: OrgId, refs: readonly PrincipalRef[]): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    for (const [kind, source] of this.sources) {
      const ids = [...new Set(refs.filter((ref) => ref.kind === kind).map((ref) => ref.id))];
      if (ids.length === 0) continue;
      for (const [id, name] of await source.displayNames(orgId, ids)) names.set(`${kind}:${id}`, name);
    }
    return names;
  }

  async exists(orgId: OrgId, ref: { kind: 'user'; id: UserId } | { kind: 'agent'; id: AgentId } | PrincipalRef): Promise<boolean> {
    return (await this.displayNames(orgId, [ref])).size === 1;
  }

  /** Whether the principal exists and may act now. */
  async mayAct(orgId: OrgId, ref: PrincipalRef): Promise<boolean> {
    return (await this.sources.get(ref.kind)?.mayAct?.(orgId, ref.id)) ?? this.exists(orgId, ref);
  }
}
