import type { Permission } from '@atrium/contracts';
import { Forbidden } from '@atrium/platform/errors';

/** What a key gets only when its maker names it. */
const NOT_BY_DEFAULT: ReadonlySet<Permission> = new Set([
  'members:manage',
  'invitations:manage',
  'api-keys:manage',
  'organization:manage',
  'agents:manage',
  'webhooks:manage',
  'mcp-servers:manage',
  'http-tools:manage',
  'models:manage',
]);

/**
 * The permissions of a new key: those asked for, or its maker's but for managing people, keys, agents, webhooks, MCP servers, HTTP tools and models.
 * They are cut by the owner's role of the moment whenever the key is used.
 * @throws Forbidden `organizations.api_key_scope`
 */
export function scopesOf(asked: readonly Permission[] | undefined, held: ReadonlySet<Permission>): Permission[] {
  if (asked === undefined) return [...held].filter((permission) => !NOT_BY_DEFAULT.has(permission));
  const beyond = asked.filter((permission) => !held.has(permission));
  if (beyond.length > 0) {
    throw new Forbidden('organizations.api_key_scope', `A key cannot have what its maker lacks: ${beyond.join(', ')}.`);
  }
  return [...new Set(asked)];
}
