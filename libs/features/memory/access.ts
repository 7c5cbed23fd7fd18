import type { Author, UserId } from '@atrium/contracts';
import { Forbidden } from '@atrium/platform/errors';
import type { AccessColumns } from '@atrium/platform/search';
import { type OrgContext, personOf, viaOf } from '@atrium/platform/tenancy';

/** Its owner and administrators; what is the system's, administrators only. Asked of one that may be read. */
export function mayChange(ctx: OrgContext, { ownerId, accessLevel }: AccessColumns): boolean {
  return ctx.permissions.has('memory:manage') || (accessLevel !== 'system' && ownerId === personOf(ctx));
}

/** @throws Forbidden `memory.not_owner` */
export function assertMayChange(ctx: OrgContext, columns: AccessColumns): void {
  if (!mayChange(ctx, columns)) throw new Forbidden('memory.not_owner', 'Only its owner and administrators may change this.');
}

/** @throws Forbidden `memory.read_only` for the level of the system, which only administrators write. */
export function assertMayWrite(ctx: OrgContext, level: string): void {
  if (level === 'system' && !ctx.permissions.has('memory:manage'))
    throw new Forbidden('memory.read_only', 'Only administrators write what the system remembers.');
}

/** Who wrote it, of a row that its author's person owns. */
export function authorOf(row: { createdByKind: string; createdById: string; ownerId: string } & Parameters<typeof viaOf>[0]): Author {
  const isAgent = row.createdByKind === 'agent';
  return { kind: isAgent ? 'agent' : 'user', id: row.createdById, onBehalfOf: isAgent ? (row.ownerId as UserId) : null, via: viaOf(row) };
}

/** The person behind the context. The system remembers nothing of its own. */
export function personBehind(ctx: OrgContext) {
  const person = personOf(ctx);
  if (person === null) throw new Error('memory belongs to persons');
  return person;
}
