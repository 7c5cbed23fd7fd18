import { v7 as uuidv7 } from 'uuid';
import { DEFAULT_NAMESPACE, type Access, type Namespace, type NamespaceId, type UserId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import { accessColumns, accessOf } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { personBehind } from './access.js';
import { foldFact } from './fact.js';

export type NamespaceRow = NonNullable<Awaited<ReturnType<Tx['memoryNamespace']['findFirst']>>>;

/** Names are compared like facts. */
export const nameKey = foldFact;
export const DEFAULT_KEY = nameKey(DEFAULT_NAMESPACE);

export function newNamespace(
  ctx: OrgContext,
  name: string,
  { description = '', access = { level: 'private', grants: [] } }: { description?: string; access?: Access | undefined } = {},
): NamespaceRow {
  const ownerId = personBehind(ctx);
  const at = new Date();
  return {
    orgId: ctx.orgId,
    id: uuidv7(),
    ownerId,
    name: name.normalize('NFC'),
    nameKey: nameKey(name),
    description,
    ...accessColumns(ownerId, access),
    memories: 0,
    createdAt: at,
    updatedAt: at,
  };
}

export function toNamespace(row: NamespaceRow): Namespace {
  return {
    id: row.id as NamespaceId,
    name: row.name,
    description: row.description,
    access: accessOf(row),
    ownerId: row.ownerId as UserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** Which of the namespaces that one may see a name means: one's own first, then the oldest. `default` is one's own only. */
export function chosen(rows: readonly NamespaceRow[], key: string, person: string): NamespaceRow | null {
  const named = rows.filter((row) => row.nameKey === key);
  const own = named.find((row) => row.ownerId === person);
  if (own || key === DEFAULT_KEY) return own ?? null;
  return [...named].sort((a, b) => (a.id < b.id ? -1 : 1))[0] ?? null;
}

export const namespaceNotFound = () => new NotFound('memory.namespace_not_found', 'There is no such namespace, or you may not see it.');
