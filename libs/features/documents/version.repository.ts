import { Injectable } from '@nestjs/common';
import { NotFound } from '@atrium/platform/errors';
import type { Prisma, Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Extraction } from './extraction/extraction.js';

type Org = Pick<OrgContext, 'orgId'>;

/** A row of `document_versions` without its text. */
export interface VersionRow {
  documentId: string;
  number: number;
  blobKey: string;
  sha256: string;
  fileName: string;
  claimedMediaType: string | null;
  mediaType: string;
  sizeBytes: bigint;
  createdBy: string;
  createdAt: Date;
}

/** Texts are large: they are read only where they are asked for. */
const FACTS = {
  documentId: true,
  number: true,
  blobKey: true,
  sha256: true,
  fileName: true,
  claimedMediaType: true,
  mediaType: true,
  sizeBytes: true,
  createdBy: true,
  createdAt: true,
} as const satisfies Prisma.DocumentVersionSelect;

/** The table `document_versions`. A version is ready once it has its text. */
@Injectable()
export class VersionRepository {
  find(tx: Tx, { orgId }: Org, documentId: string, number: number): Promise<VersionRow | null> {
    return tx.documentVersion.findFirst({ where: { orgId, documentId, number }, select: FACTS });
  }

  /** @throws NotFound `documents.version_not_found` */
  async get(tx: Tx, ctx: Org, documentId: string, number: number): Promise<VersionRow> {
    const row = await this.find(tx, ctx, documentId, number);
    if (!row) throw new NotFound('documents.version_not_found', `The document has no version ${number}.`);
    return row;
  }

  /** Newest first, below `before`. */
  list(tx: Tx, { orgId }: Org, documentId: string, before: number | undefined, limit: number): Promise<VersionRow[]> {
    return tx.documentVersion.findMany({
      where: { orgId, documentId, ...(before === undefined ? {} : { number: { lt: before } }) },
      select: FACTS,
      orderBy: { number: 'desc' },
      take: limit,
    });
  }

  async isReady(tx: Tx, { orgId }: Org, documentId: string, number: number): Promise<boolean> {
    const row = await tx.documentVersion.findFirst({ where: { orgId, documentId, number, text: { not: null } }, select: { number: true } });
    return row !== null;
  }

  /** The newest version that has its text; null before the first has. */
  async newestReady(tx: Tx, { orgId }: Org, documentId: string): Promise<number | null> {
    const where = { orgId, documentId, text: { not: null } };
    const row = await tx.documentVersion.findFirst({ where, select: { number: true }, orderBy: { number: 'desc' } });
    return row?.number ?? null;
  }

  /** The text of a version and what is known of its places; null while it has none. */
  async text(tx: Tx, { orgId }: Org, documentId: string, number: number): Promise<Pick<Extraction, 'text' | 'headings' | 'pages'> | null> {
    const where = { orgId, documentId, number };
    const row = await tx.documentVersion.findFirst({ where, select: { text: true, headings: true, pages: true } });
    if (row?.text == null) return null;
    return {
      text: row.text,
      headings: row.headings as unknown as Extraction['headings'],
      pages: row.pages as unknown as Extraction['pages'],
    };
  }

  async insert(tx: Tx, { orgId }: Org, row: VersionRow): Promise<void> {
    await tx.documentVersion.createMany({ data: { ...row, orgId } });
  }

  /** Gives a version its text, once. */
  async fill(tx: Tx, { orgId }: Org, documentId: string, number: number, { text, headings, pages, mediaType }: Extraction): Promise<void> {
    await tx.documentVersion.updateMany({
      where: { orgId, documentId, number },
      data: { text, mediaType, headings: headings as unknown as Prisma.InputJsonArray, pages: pages as unknown as Prisma.InputJsonArray },
    });
  }

  /** Of these keys those that no version of these documents names. */
  async unnamed(tx: Tx, { orgId }: Org, documentIds: string[], keys: string[]): Promise<Set<string>> {
    const named = await tx.documentVersion.findMany({
      where: { orgId, documentId: { in: documentIds }, blobKey: { in: keys } },
      select: { blobKey: true },
    });
    const known = new Set(named.map((row) => row.blobKey));
    return new Set(keys.filter((key) => !known.has(key)));
  }
}
