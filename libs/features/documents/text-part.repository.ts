import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `document_text_parts`: the text of a version that has none yet, so that no statement holds a large one whole. */
@Injectable()
export class TextPartRepository {
  async append(tx: Tx, { orgId }: Org, documentId: string, version: number, ordinal: number, text: string): Promise<void> {
    await tx.documentTextPart.createMany({ data: { orgId, documentId, version, ordinal, text } });
  }

  async remove(tx: Tx, { orgId }: Org, documentId: string, version: number): Promise<void> {
    await tx.documentTextPart.deleteMany({ where: { orgId, documentId, version } });
  }
}
