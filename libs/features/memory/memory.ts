import { v7 as uuidv7 } from 'uuid';
import type { AddMemory, Memory, MemoryId, MemorySourceRef, Metadata, NamespaceId, UserId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Conflict, Invalid, NotFound } from '@atrium/platform/errors';
import { type AccessColumns, accessColumns, accessOf } from '@atrium/platform/search';
import { type OrgContext, viaColumns } from '@atrium/platform/tenancy';
import { authorOf, personBehind } from './access.js';
import { factKey, type Slot, slotOf } from './fact.js';
import type { NamespaceRow } from './namespace.js';

export type MemoryRow = NonNullable<Awaited<ReturnType<Tx['memory']['findFirst']>>>;

export function toMemory(row: MemoryRow, namespace: string): Memory {
  return {
    id: row.id as MemoryId,
    content: row.content,
    namespace,
    namespaceId: row.namespaceId as NamespaceId,
    access: accessOf(row),
    subject: row.subject,
    predicate: row.predicate,
    validFrom: row.validFrom.toISOString(),
    validTo: row.validTo?.toISOString() ?? null,
    supersededBy: row.supersededBy as MemoryId | null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    source: { kind: row.sourceKind as MemorySourceRef['kind'], id: row.sourceId },
    confidence: row.confidence,
    tags: row.tags,
    metadata: row.metadata as Metadata,
    ownerId: row.ownerId as UserId,
    createdBy: authorOf(row),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The row of a new fact that begins at `validFrom`. */
export function newMemory(ctx: OrgContext, namespace: NamespaceRow, input: AddMemory, validFrom: Date): MemoryRow {
  const ownerId = personBehind(ctx);
  const { kind, id } = ctx.principal;
  if (kind === 'system') throw new Error('memory belongs to persons');
  const access = input.access ? accessColumns(ownerId, input.access) : inheritedAccess(ownerId, namespace);
  const [subject, predicate] = [input.subject?.normalize('NFC') ?? null, input.predicate?.normalize('NFC') ?? null];
  const slot = slotOf(subject, predicate);
  const content = input.content.normalize('NFC');
  const at = new Date();
  return {
    orgId: ctx.orgId,
    id: uuidv7(),
    namespaceId: namespace.id,
    ownerId,
    createdByKind: kind,
    createdById: id,
    ...viaColumns(ctx),
    content,
    subject,
    predicate,
    subjectKey: slot?.subject ?? null,
    predicateKey: slot?.predicate ?? null,
    factKey: factKey(access.readers, slot, content),
    ...access,
    validFrom,
    validTo: null,
    supersededBy: null,
    expiresAt: input.expiresAt == null ? null : new Date(input.expiresAt),
    sourceKind: input.source?.kind ?? (kind === 'agent' ? 'agent' : 'manual'),
    sourceId: input.source ? (input.source.id ?? null) : kind === 'agent' ? id : null,
    confidence: input.confidence ?? 1,
    tags: input.tags ?? [],
    metadata: input.metadata ?? {},
    createdAt: at,
    updatedAt: at,
  };
}

/** A private namespace of somebody else is never written to, so `private` means the writer's own. */
function inheritedAccess(ownerId: string, namespace: NamespaceRow): Omit<AccessColumns, 'ownerId'> {
  const { accessLevel, accessGrants, readers } = namespace;
  return accessLevel === 'private' ? accessColumns(ownerId, { level: 'private', grants: [] }) : { accessLevel, accessGrants, readers };
}

/** The access that a memory takes over when its namespace gets another one. */
export const goesOnWith = (ownerId: string, namespace: NamespaceRow) => keptBy(ownerId, inheritedAccess(ownerId, namespace));

/** An access that changes under a memory: who owns it goes on to read it, unless a team decides that. */
export function keptBy(ownerId: string, access: Omit<AccessColumns, 'ownerId'>): Omit<AccessColumns, 'ownerId'> {
  const isOfPersons = ['shared', 'team'].includes(access.accessLevel) && !access.readers.some((key) => key.startsWith('team:'));
  return isOfPersons ? { ...access, readers: withOwner(access.readers, ownerId) } : access;
}

/** Whether it has the access of its namespace, by having inherited it or by following it. */
export function inheritedBefore(row: MemoryRow, namespace: NamespaceRow): boolean {
  const readers = row.readers.join();
  if (readers === namespace.readers.join()) return true;
  return namespace.accessLevel !== 'private' && readers === withOwner(namespace.readers, row.ownerId).join();
}

const withOwner = (readers: readonly string[], ownerId: string) => [...new Set([...readers, `user:${ownerId}`])].sort();

export const slotOfRow = ({ subjectKey, predicateKey }: MemoryRow): Slot | null =>
  subjectKey === null || predicateKey === null ? null : { subject: subjectKey, predicate: predicateKey };

/** Until when it is found: it ends or expires, whichever comes first. */
export function endOf({ validTo, expiresAt }: Pick<MemoryRow, 'validTo' | 'expiresAt'>): Date | null {
  if (validTo === null || expiresAt === null) return validTo ?? expiresAt;
  return validTo < expiresAt ? validTo : expiresAt;
}

/** @throws Invalid `memory.already_expired` */
export function assertExpiry(expiresAt: Date | null, validFrom: Date, pointer: string): void {
  if (expiresAt === null || (expiresAt > new Date() && expiresAt > validFrom)) return;
  throw new Invalid('memory.already_expired', 'A memory expires in the future, and after it begins to hold.', {
    places: [{ pointer, message: 'must be in the future and after validFrom' }],
  });
}

/** @throws Conflict `memory.retired` */
export function assertCurrent(row: MemoryRow): void {
  if (row.validTo !== null && row.validTo <= new Date())
    throw new Conflict('memory.retired', 'It no longer holds, and stays in the history as it was. Add what holds now.');
}

export const memoryNotFound = () => new NotFound('memory.not_found', 'There is no such memory, or you may not read it.');
