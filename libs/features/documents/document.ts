import type { Document, DocumentId, DocumentStatus, Metadata, UserId } from '@atrium/contracts';
import type { Prisma } from '@atrium/platform/db';
import { Forbidden } from '@atrium/platform/errors';
import { type AccessColumns, accessOf } from '@atrium/platform/search';
import { personOf, type OrgContext } from '@atrium/platform/tenancy';

/** A row of `documents`. */
export interface DocumentRow extends AccessColumns {
  id: string;
  title: string;
  status: string;
  failureCode: string | null;
  failureMessage: string | null;
  version: number;
  mediaType: string;
  sizeBytes: bigint;
  metadata: Prisma.JsonValue;
  createdAt: Date;
  updatedAt: Date;
}

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
    access: accessOf(row),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

type Rights = Pick<DocumentRow, 'ownerId' | 'accessLevel'>;

const isAdmin = ({ principal: { role } }: OrgContext) => role === 'owner' || role === 'admin';

/**
 * Asked of a document that may be read.
 * @throws Forbidden `documents.not_owner` for someone who may only read it, `documents.admins_only` for its owner when it is the system's.
 */
export function assertMayChange(ctx: OrgContext, { ownerId, accessLevel }: Rights): void {
  if (isAdmin(ctx)) return;
  if (ownerId !== personOf(ctx))
    throw new Forbidden('documents.not_owner', 'Only its owner and administrators may change or remove this document.');
  assertMayWrite(ctx, accessLevel);
}

/** @throws Forbidden `documents.admins_only` for the level of the system, which only administrators write. */
export function assertMayWrite(ctx: OrgContext, level: string): void {
  if (level === 'system' && !isAdmin(ctx))
    throw new Forbidden('documents.admins_only', 'Only administrators write the documents of the system.');
}
