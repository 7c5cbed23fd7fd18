import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { AgentId, ApiKey, ApiKeyId, CreateApiKey, CreatedApiKey, Page, PageQuery, Permission, Role, UserId } from '@atrium/contracts';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Db, type Tx } from '@atrium/platform/db';
import { Forbidden, Invalid, NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { assertPermission, type OrgContext, PrincipalDirectory, Revocations } from '@atrium/platform/tenancy';
import { scopesOf } from './api-key.js';
import { ApiKeySecrets } from './api-key-secret.js';
import { assertRoleWithin } from './role.js';

/** The most keys of one owner that are not revoked. */
const MAX_PER_OWNER = 100;

/** API keys. A key belongs to a person and never has more rights than that person has at the moment of use. */
@Injectable()
export class ApiKeysService {
  private readonly secrets: ApiKeySecrets;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly directory: PrincipalDirectory,
    private readonly revocations: Revocations,
    @Inject(CONFIG) config: Config,
  ) {
    this.secrets = new ApiKeySecrets(config.encryptionKey.reveal());
  }

  /** One's own keys, newest first; who manages members sees all. */
  list(ctx: OrgContext, query: PageQuery): Promise<Page<ApiKey>> {
    const before = decodeCursor(query.cursor, ['uuid']);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await tx.apiKey.findMany({
        where: { orgId: ctx.orgId, revokedAt: null, ...ownersOf(ctx), ...(before ? { id: { lt: before[0] } } : {}) },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
      });
      const page = pageOf(rows, query.limit, (last) => [last.id]);
      return listed({ ...page, data: page.data.map(toApiKey) }, await this.events.head(tx, ctx));
    });
  }

  /**
   * The answer holds the key, this once. One that is made by a key that ends, ends with it at the latest.
   * @throws Forbidden `organizations.api_key_scope`, NotFound `agents.not_found`, QuotaExceeded `organizations.limit_reached`
   */
  async create(ctx: OrgContext, input: CreateApiKey): Promise<CreatedApiKey> {
    if (ctx.principal.kind !== 'user') throw new Forbidden('auth.permission_missing', 'Only a person can make API keys.');
    const ownerId = ctx.principal.id;
    const scopes = scopesOf(input.scopes, ctx.permissions);
    const asked = input.expiresAt === undefined ? null : new Date(input.expiresAt);
    assertAhead(asked);
    const expiresAt = noLaterThan(ctx, asked);
    const agentId = input.agentId ?? null;
    // What an agent says, the organization takes for the agent's: that is for administrators to give away.
    if (agentId !== null) assertPermission(ctx, 'organization:manage');
    if (agentId !== null && !(await this.directory.exists(ctx.orgId, { kind: 'agent', id: agentId }))) {
      throw new NotFound('agents.not_found', 'There is no such agent.');
    }
    const created = await this.db.inOrg(ctx, async (tx) => {
      await this.assertRoom(tx, ctx, ownerId);
      const key = this.secrets.make();
      const id = uuidv7() as ApiKeyId;
      const row = await tx.apiKey.create({
        data: { orgId: ctx.orgId, id, name: input.name, prefix: this.secrets.prefixOf(key), ownerId, agentId, scopes, expiresAt },
      });
      await this.events.append(tx, ctx, {
        type: 'organizations.api_key_created',
        subject: { kind: 'api_key', id },
        audience: 'admins',
        data: { apiKeyId: id, ownerId, agentId, scopes, expiresAt: expiresAt?.toISOString() ?? null },
        text: { name: input.name },
      });
      return { ...toApiKey(row), key };
    });
    const keyHash = this.secrets.hash(created.key) ?? '';
    await this.db.asIdentity(
      (tx) => tx.$executeRaw`INSERT INTO api_key_lookups (key_hash, org_id, api_key_id)
        VALUES (${keyHash}, ${ctx.orgId}::uuid, ${created.id}::uuid) ON CONFLICT DO NOTHING`,
    );
    return created;
  }

  /** The key stops at once, in this process, and within 5 seconds in every other. @throws NotFound `organizations.api_key_not_found` */
  async revoke(ctx: OrgContext, id: ApiKeyId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      await tx.$queryRaw`SELECT id FROM api_keys WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
      const key = await tx.apiKey.findFirst({ where: { orgId: ctx.orgId, id, revokedAt: null, ...ownersOf(ctx) } });
      if (!key) throw new NotFound('organizations.api_key_not_found', 'There is no such API key.');
      const owner = await tx.member.findFirstOrThrow({ where: { orgId: ctx.orgId, userId: key.ownerId }, select: { role: true } });
      assertRoleWithin(ctx.principal, owner.role as Role);
      await tx.$executeRaw`UPDATE api_keys SET revoked_at = clock_timestamp(), updated_at = clock_timestamp()
        WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid`;
      await this.events.append(tx, ctx, {
        type: 'organizations.api_key_revoked',
        subject: { kind: 'api_key', id },
        audience: 'admins',
        data: { apiKeyId: id, ownerId: key.ownerId },
      });
    });
    this.revocations.revoke({ orgId: ctx.orgId, apiKeyId: id });
    await this.db.asIdentity((tx) => tx.apiKeyLookup.deleteMany({ where: { orgId: ctx.orgId, apiKeyId: id } }));
  }

  /** Locks the owner's row, so that parallel calls cannot pass the limit together. */
  private async assertRoom(tx: Tx, ctx: OrgContext, ownerId: UserId): Promise<void> {
    await tx.$queryRaw`SELECT user_id FROM members WHERE org_id = ${ctx.orgId}::uuid AND user_id = ${ownerId}::uuid FOR NO KEY UPDATE`;
    if ((await tx.apiKey.count({ where: { orgId: ctx.orgId, ownerId, revokedAt: null } })) < MAX_PER_OWNER) return;
    throw new QuotaExceeded('organizations.limit_reached', `A person can have ${MAX_PER_OWNER} API keys. Revoke one first.`, {
      retryable: false,
    });
  }
}

function ownersOf(ctx: OrgContext): { ownerId?: string } {
  if (ctx.permissions.has('members:manage')) return {};
  return { ownerId: ctx.principal.onBehalfOf ?? ctx.principal.id ?? '' };
}

/** A key that was made by a key ends with that one at the latest. */
function noLaterThan({ credential }: OrgContext, asked: Date | null): Date | null {
  const makers = credential?.kind === 'api_key' ? credential.expiresAt : null;
  return makers === null ? asked : new Date(Math.min(makers, asked?.getTime() ?? Infinity));
}

function assertAhead(expiresAt: Date | null): void {
  if (expiresAt === null || expiresAt > new Date()) return;
  throw new Invalid('request.invalid', 'The key would be over already.', {
    places: [{ pointer: '/expiresAt', message: 'must lie ahead' }],
  });
}

interface ApiKeyRow {
  id: string;
  name: string;
  prefix: string;
  ownerId: string;
  agentId: string | null;
  scopes: string[];
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id as ApiKeyId,
  name: row.name,
  prefix: row.prefix,
  ownerId: row.ownerId as UserId,
  agentId: row.agentId as AgentId | null,
  scopes: row.scopes as Permission[],
  expiresAt: row.expiresAt?.toISOString() ?? null,
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});
