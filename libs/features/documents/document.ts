import type { AccessLevel, Document, DocumentId, DocumentStatus, Metadata, UserId } from '@atrium/contracts';
import type { Prisma } from '@atrium/platform/db';
import { Forbidden } from '@atrium/platform/errors';
import type { Audience } from '@atrium/platform/events';
import { personOf, type OrgContext } from '@atrium/platform/tenancy';

/** A row of `documents`. */
export interface DocumentRow {
  id: string;
  title: string;
  ownerId: string;
  status: string;
  failureCode: string | null;
  failureMessage: string | null;
  version: number;
  mediaType: string;
  sizeBytes: bigint;
  metadata: Prisma.JsonValue;
  accessLevel: string;
  createdAt: Date;
  updatedAt: Date;
}
export type Rights = Pick<DocumentRow, 'ownerId' | 'accessLevel'>;

export function toDocument(row: DocumentRow): Document {
  return {
    id: row.id as DocumentId,
    title: row.title,
    ownerId: row.ownerId as UserId,
    folderId: null,
    status: row.status as DocumentStatus,
    failure: row.failureCode === null ? null : { code: row.failureCode, message: row.failureMessage ?? '' },
    version: row.version,
    mediaType: row.mediaType,
    sizeBytes: Number(row.sizeBytes),
    metadata: row.metadata as Metadata,
    access: { level: row.accessLevel as AccessLevel, grants: [] },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** A private document is its owner's alone; the organization's are every member's, but not guests'. */
export function mayRead(ctx: OrgContext, { accessLevel, ownerId }: Rights): boolean {
  return accessLevel === 'organization' ? ctx.principal.role !== 'guest' : ownerId === personOf(ctx);
}

/** `mayRead` as a condition of a query. */
export function readableBy(ctx: OrgContext): Prisma.DocumentWhereInput {
  const person = personOf(ctx);
  const readable: Prisma.DocumentWhereInput[] = [];
  if (person !== null) readable.push({ accessLevel: 'private', ownerId: person });
  if (ctx.principal.role !== 'guest') readable.push({ accessLevel: 'organization' });
  return { OR: readable };
}

/** @throws Forbidden `documents.not_owner` for someone who may only read it. */
export function assertMayChange(ctx: OrgContext, { ownerId }: Rights): void {
  const { role } = ctx.principal;
  if (ownerId === personOf(ctx) || role === 'owner' || role === 'admin') return;
  throw new Forbidden('documents.not_owner', 'Only its owner and administrators may change or remove this document.');
}

/** Who may find it, as keys of the search index. */
export function grantsOf({ accessLevel, ownerId }: Rights): [string] {
  return [accessLevel === 'organization' ? 'org' : `user:${ownerId}`];
}

/** Who hears of it. */
export function audienceOf({ accessLevel, ownerId }: Rights): Audience {
  return accessLevel === 'organization' ? 'organization' : `user:${ownerId}`;
}

/** Later than `before`, so that the ETag changes even within one millisecond. */
export function later(before: Date): Date {
  return new Date(Math.max(Date.now(), before.getTime() + 1));
}
