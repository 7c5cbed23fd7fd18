import type { OrgId } from '@atrium/contracts';

declare const ORG_KEY: unique symbol;
/** A Redis key that belongs to one organization. Only `orgKey` makes one, so a key without a tenant does not compile. */
export interface OrgKey {
  readonly orgId: OrgId;
  readonly name: string;
  readonly [ORG_KEY]: true;
}

/** `parts` are names and ids; a part cannot reach into another part or organization, because separators are escaped. */
export function orgKey(of: { readonly orgId: OrgId } | OrgId, ...parts: [string, ...string[]]): OrgKey {
  const orgId = typeof of === 'string' ? of : of.orgId;
  const name = ['atrium', `{${orgId}}`, ...parts.map((part) => encodeURIComponent(part))].join(':');
  return Object.freeze({ orgId, name }) as OrgKey;
}
