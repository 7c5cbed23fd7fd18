import type { PrincipalRef } from '@atrium/contracts';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';

/** Whose rights count in chat, and who acts. */
export interface Reader {
  /** Who acts: the author of what is posted, the holder of a read marker. Null for the system. */
  readonly self: PrincipalRef | null;
  /** The person whose memberships open private channels: the user, or whom the agent acts for. */
  readonly personId: string | null;
  /** Guests read only the channels that they are members of. */
  readonly readsPublic: boolean;
  /** Atrium's own work. */
  readonly readsAll: boolean;
}

export function readerOf(ctx: OrgContext): Reader {
  const { principal } = ctx;
  return {
    self: principal.kind === 'system' ? null : { kind: principal.kind, id: principal.id },
    personId: personOf(ctx),
    readsPublic: principal.role !== 'guest',
    readsAll: principal.kind === 'system',
  };
}

/** Names of principals by `kind:id`, as PrincipalDirectory answers them. */
export type Names = ReadonlyMap<string, string>;

export const keyOf = (ref: PrincipalRef) => `${ref.kind}:${ref.id}`;

export const isSame = (a: PrincipalRef, b: PrincipalRef | null) => a.kind === b?.kind && a.id === b.id;

/** The display name of who wrote a message; empty when it is not among `names`. */
export const nameOf = (names: Names, { authorKind, authorId }: { authorKind: string; authorId: string }): string =>
  names.get(`${authorKind}:${authorId}`) ?? '';
