import type { Access, AccessGrant } from '@atrium/contracts';
import type { Prisma } from '@atrium/platform/db';
import type { Audience } from '@atrium/platform/events';
import type { GrantSet } from './grants.js';

/** The columns of access of whatever is shared. `readers`, the keys of the search index, follows from the others. */
export interface AccessColumns {
  ownerId: string;
  accessLevel: string;
  accessGrants: Prisma.JsonValue;
  readers: string[];
}

export function accessColumns(ownerId: string, { level, grants }: Access): Omit<AccessColumns, 'ownerId'> {
  const different = [...new Map(grants.map(({ kind, id }) => [grantKey({ kind, id }), { kind, id }])).values()];
  return { accessLevel: level, accessGrants: different, readers: readersOf(ownerId, { level, grants: different }) };
}

export function accessOf({ accessLevel, accessGrants }: Omit<AccessColumns, 'ownerId'>): Access {
  return { level: accessLevel, grants: accessGrants } as Access;
}

export const grantKey = ({ kind, id }: AccessGrant) => `${kind}:${id}` as const;

/** Whether its access names somebody. */
export const isSharedWith = (columns: Omit<AccessColumns, 'ownerId'>, grant: AccessGrant): boolean =>
  accessOf(columns).grants.some((one) => grantKey(one) === grantKey(grant));

/** The access without one of those that it names; private when nobody is left. */
export function withoutGrant(columns: AccessColumns, key: string): Omit<AccessColumns, 'ownerId'> {
  const { level, grants } = accessOf(columns);
  const left = grants.filter((grant) => grantKey(grant) !== key);
  if (left.length === 0) return accessColumns(columns.ownerId, { level: 'private', grants: [] });
  const readers = columns.readers.filter((reader) => reader !== key || reader === `user:${columns.ownerId}`);
  return { accessLevel: level, accessGrants: left, readers };
}

/** Who may find it, as sorted keys. */
function readersOf(ownerId: string, { level, grants }: Access): string[] {
  if (level === 'system') return ['everyone', 'org'];
  if (level === 'organization') return ['org'];
  return [...new Set([`user:${ownerId}`, ...grants.map(grantKey)])].sort();
}

export const mayRead = ({ readers }: Pick<AccessColumns, 'readers'>, grants: GrantSet): boolean => readers.some((key) => grants.has(key));

/** Who hears of it. */
export function audienceOf({ accessLevel, readers }: Pick<AccessColumns, 'accessLevel' | 'readers'>): Audience {
  if (accessLevel === 'system') return 'everyone';
  return accessLevel === 'organization' ? 'organization' : (readers.join(' ') as Audience);
}

/** Who hears that its access changed: those who could read it, and those who can. */
export function audienceOfChange(before: AccessColumns, after: AccessColumns): Audience {
  const keys = [...new Set([...before.readers, ...after.readers])].sort();
  if (keys.includes('everyone')) return 'everyone';
  return keys.length === 1 && keys[0] === 'org' ? 'organization' : (keys.join(' ') as Audience);
}

/** Whether somebody who could read it may not any more, but its owner. */
export function isNarrowed(before: AccessColumns, after: AccessColumns): boolean {
  if (after.readers.includes('everyone')) return false;
  return before.readers.some((key) => key !== `user:${before.ownerId}` && !after.readers.includes(key));
}
