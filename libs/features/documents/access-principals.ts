import { Injectable } from '@nestjs/common';
import type { Access } from '@atrium/contracts';
import { GranteesQueries } from '@atrium/features/organizations';
import type { Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Asks whether those whom an access names are of the organization. */
@Injectable()
export class AccessPrincipals {
  constructor(private readonly grantees: GranteesQueries) {}

  /** Not inside a transaction. @throws NotFound `documents.principal_not_found` */
  async assertThere(ctx: OrgContext, access: Access | undefined): Promise<void> {
    assertNone(await this.grantees.strangers(ctx, access?.grants ?? []));
  }

  /** Again in the transaction that shares: nobody leaves unnoticed in between. @throws NotFound `documents.principal_not_found` */
  async hold(tx: Tx, ctx: OrgContext, access: Access | undefined): Promise<void> {
    assertNone(await this.grantees.hold(tx, ctx, access?.grants ?? []));
  }
}

function assertNone(strangers: readonly number[]): void {
  if (strangers.length === 0) return;
  throw new NotFound('documents.principal_not_found', 'There is no such person, team or agent to share it with.', {
    places: strangers.map((place) => ({ pointer: `/access/grants/${place}`, message: 'is not of this organization' })),
  });
}
