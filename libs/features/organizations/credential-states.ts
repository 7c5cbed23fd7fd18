import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ROLE_PERMISSIONS, type AgentId, type OrgId, type Permission, type Role, type UserId } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import {
  concerns,
  type Credential,
  type OrgContext,
  type Principal,
  PrincipalDirectory,
  type RevocationNotice,
  Revocations,
} from '@atrium/platform/tenancy';
import { ApiKeySecrets } from './api-key-secret.js';
import { type ApiKeyRow, apiKeyByHash, apiKeyById, sessionById } from './credential-rows.js';

/** What a credential that counts gives: who acts where, with which rights. */
export interface CredentialState {
  readonly orgId: OrgId;
  readonly principal: Exclude<Principal, { kind: 'system' }>;
  readonly permissions: ReadonlySet<Permission>;
  readonly credential: Credential;
}

/** How old a state may be. Milliseconds: within this every process has noticed a revocation, told or not. */
const MAX_AGE_MS = 5_000;
const MAX_ENTRIES = 10_000;
/** How long a key that was good is remembered as one. Milliseconds. */
const FAMILIAR_MS = 3_600_000;

interface Entry {
  readonly read: Promise<CredentialState | null>;
  /** Undefined while it is being read. */
  state?: CredentialState | null;
}

/** The state of sessions and API keys as the database has it, at most 5 seconds old; at once when this process ends one. */
@Injectable()
export class CredentialStates implements OnModuleDestroy {
  private readonly cache = new LRUCache<string, Entry>({ max: MAX_ENTRIES, ttl: MAX_AGE_MS });
  private readonly familiar = new LRUCache<string, true>({ max: MAX_ENTRIES, ttl: FAMILIAR_MS });
  private readonly secrets: ApiKeySecrets;
  private readonly stopListening: () => void;

  constructor(
    private readonly db: Db,
    private readonly directory: PrincipalDirectory,
    revocations: Revocations,
    @Inject(CONFIG) config: Config,
  ) {
    this.secrets = new ApiKeySecrets(config.encryptionKey.reveal());
    this.stopListening = revocations.listen((notice) => this.forget(notice));
  }

  onModuleDestroy(): void {
    this.stopListening();
  }

  /** Null when the session ended or its person is no active member. */
  session(sessionId: string): Promise<CredentialState | null> {
    return this.remembered(`session:${sessionId}`, () => this.readSession(sessionId));
  }

  /** Null when there is no such key, it ended, or its owner is no active member. */
  async apiKey(key: string): Promise<CredentialState | null> {
    const hash = this.secrets.hash(key);
    if (hash === null) return null;
    const state = await this.remembered(`api_key:${hash}`, async () =>
      this.ofApiKey(await this.db.asIdentity((tx) => apiKeyByHash(tx, hash))),
    );
    if (state) this.familiar.set(hash, true);
    return state;
  }

  /** Whether this key was good here within the last hour: who shares an address with somebody who guesses keeps working with it. */
  isFamiliar(key: string): boolean {
    const hash = this.secrets.hash(key);
    return hash !== null && this.familiar.has(hash);
  }

  /** The state behind a context, read now. */
  async now(ctx: Pick<OrgContext, 'orgId' | 'credential'>): Promise<CredentialState | null> {
    const { orgId, credential } = ctx;
    if (credential === null) return null;
    if (credential.kind === 'session') return this.readSession(credential.id);
    return this.ofApiKey(await this.db.asIdentity((tx) => apiKeyById(tx, orgId, credential.id)));
  }

  private remembered(key: string, read: () => Promise<CredentialState | null>): Promise<CredentialState | null> {
    const known = this.cache.get(key);
    if (known) return known.read;
    const entry: Entry = { read: read() };
    this.cache.set(key, entry);
    entry.read.then(
      (state) => (entry.state = state),
      () => this.cache.peek(key) === entry && this.cache.delete(key),
    );
    return entry.read;
  }

  /** Entries that are still being read go too: they may hold what was before. */
  private forget(notice: RevocationNotice): void {
    const concerned = [...this.cache.entries()].filter(
      ([, { state }]) => state === undefined || (state !== null && concerns(notice, state)),
    );
    for (const [key] of concerned) this.cache.delete(key);
  }

  private async readSession(sessionId: string): Promise<CredentialState | null> {
    const row = await this.db.asIdentity((tx) => sessionById(tx, sessionId));
    if (!row) return null;
    return {
      orgId: row.org_id as OrgId,
      principal: { kind: 'user', id: row.user_id as UserId, role: row.role as Role, onBehalfOf: null },
      permissions: new Set(ROLE_PERMISSIONS[row.role as Role]),
      credential: { kind: 'session', id: sessionId, expiresAt: null },
    };
  }

  private async ofApiKey(row: ApiKeyRow | null): Promise<CredentialState | null> {
    if (!row) return null;
    const orgId = row.org_id as OrgId;
    const role = row.role as Role;
    const owner = row.owner_id as UserId;
    // As at its making: keys that name an agent are for administrators.
    if (row.agent_id !== null && !ROLE_PERMISSIONS[role].some((one) => one === 'organization:manage')) return null;
    if (row.agent_id !== null && !(await this.directory.mayAct(orgId, { kind: 'agent', id: row.agent_id }))) return null;
    const rights: readonly Permission[] = ROLE_PERMISSIONS[role];
    return {
      orgId,
      principal:
        row.agent_id === null
          ? { kind: 'user', id: owner, role, onBehalfOf: null }
          : { kind: 'agent', id: row.agent_id as AgentId, role, onBehalfOf: owner },
      permissions: new Set(rights.filter((permission) => row.scopes.includes(permission))),
      credential: { kind: 'api_key', id: row.id, expiresAt: row.expires_at?.getTime() ?? null },
    };
  }
}
