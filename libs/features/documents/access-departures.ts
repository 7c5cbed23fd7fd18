import { Injectable } from '@nestjs/common';
import type { AccessGrant } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { DocumentRepository } from './document.repository.js';
import { DocumentsService } from './documents.service.js';

/** Documents of one read. */
const BATCH = 100;

/** Takes who left the organization out of the access of documents, so that a later invitation does not bring them back. */
@Injectable()
export class AccessDepartures {
  constructor(
    private readonly db: Db,
    private readonly rows: DocumentRepository,
    private readonly documents: DocumentsService,
  ) {}

  @OnEvent('documents.access_departures', ['organizations.member_removed', 'organizations.team_deleted'])
  async withdraw(ctx: OrgContext, { type, subject }: LoggedEvent): Promise<void> {
    const grant: AccessGrant = { kind: type === 'organizations.team_deleted' ? 'team' : 'user', id: subject.id };
    let ids: string[];
    do {
      ids = await this.db.readInOrg(ctx, (tx) => this.rows.sharedWith(tx, ctx, grant, BATCH));
      for (const id of ids) await this.documents.withdraw(ctx, id, grant);
    } while (ids.length === BATCH);
  }
}
