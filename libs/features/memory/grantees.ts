import { Injectable } from '@nestjs/common';
import type { Access } from '@atrium/contracts';
import { GranteesQueries } from '@atrium/features/organizations';
import type { Tx } from '@atrium/platform/db';
import { Invalid } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';

export interface Asked {
  access: Access | undefined;
  /** Its place in the request. */
  pointer: string;
}

/** Asks whether those with whom something is to be shared are of the organization. */
@Injectable()
export class Grantees {
  constructor(private readonly grantees: GranteesQueries) {}

  /** Not inside a transaction. @throws Invalid `memory.grantee_not_found` */
  async assertThere(ctx: OrgContext, asked: readonly Asked[]): Promise<void> {
    const { grants, pointers } = named(asked);
    assertNone(await this.grantees.strangers(ctx, grants), pointers);
  }

  /** Again in the transaction that shares: nobody leaves unnoticed in between. @throws Invalid `memory.grantee_not_found` */
  async hold(tx: Tx, ctx: OrgContext, asked: readonly Asked[]): Promise<void> {
    const { grants, pointers } = named(asked);
    assertNone(await this.grantees.hold(tx, ctx, grants), pointers);
  }
}

function named(asked: readonly Asked[]) {
  const all = asked.flatMap(({ access, pointer }) =>
    (access?.grants ?? []).map((grant, index) => ({ grant, pointer: `${pointer}/grants/${index}` })),
  );
  return { grants: all.map(({ grant }) => grant), pointers: all.map(({ pointer }) => pointer) };
}

function assertNone(strangers: readonly number[], pointers: readonly string[]): void {
  if (strangers.length === 0) return;
  throw new Invalid('memory.grantee_not_found', 'There is no such person, team or agent to share it with.', {
    places: strangers.map((place) => ({ pointer: pointers[place] ?? '', message: 'is not of this organization' })),
  });
}
