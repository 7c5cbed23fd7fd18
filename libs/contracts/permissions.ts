/** From most to least. A role may give and take only roles up to its own. */
export const ROLES = ['owner', 'admin', 'member', 'guest'] as const;

export const PERMISSIONS = [
  'account:read',
  'account:write',
  'organization:read',
  'organization:manage',
  'members:read',
  'members:manage',
  'invitations:manage',
  'api-keys:manage',
  'channels:read',
  'channels:create',
  'messages:write',
  'documents:read',
  'documents:write',
  'search:read',
  'agents:read',
  'events:read',
  'audit:read',
] as const;

const GUEST = [
  'account:read',
  'account:write',
  'organization:read',
  'channels:read',
  'messages:write',
  'documents:read',
  'search:read',
  'agents:read',
  'events:read',
] as const;
const MEMBER = [...GUEST, 'members:read', 'channels:create', 'documents:write', 'api-keys:manage'] as const;

/** What each role may do: the one table of rights. Which rows one may see is decided by membership and access besides. */
export const ROLE_PERMISSIONS = {
  guest: GUEST,
  member: MEMBER,
  admin: PERMISSIONS,
  owner: PERMISSIONS,
} as const satisfies Record<(typeof ROLES)[number], readonly (typeof PERMISSIONS)[number][]>;
