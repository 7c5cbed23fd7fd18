/** The class of every table (architecture.md, Tenancy). A table that does not stand here stops the boot. */
export const TABLES = {
  tenant: [
    'agent_turns',
    'agents',
    'api_keys',
    'channel_members',
    'channels',
    'document_chunks',
    'document_versions',
    'documents',
    'event_cursors',
    'event_failures',
    'event_heads',
    'event_seals',
    'event_texts',
    'events',
    'idempotency_keys',
    'invitations',
    'members',
    'message_revisions',
    'message_sources',
    'messages',
    'organizations',
    'search_debts',
    'search_terms',
    'search_totals',
    'search_units',
  ],
  identity: ['anonymous_idempotency_keys', 'api_key_lookups', 'invitation_lookups', 'sessions', 'users'],
  infrastructure: ['_prisma_migrations', 'durable_executors', 'installation'],
} as const;

/** The tenant tables whose key is not org_id. */
export const TENANT_KEYS: Readonly<Record<string, string>> = { organizations: 'id' };

/** Policies beside the one of the tenant, as `table.policy role command`; each is narrowed by the columns granted to its role. */
export const EXTRA_POLICIES = [
  'api_keys.identity atrium_identity r',
  'event_cursors.relay atrium_system r',
  'event_heads.relay atrium_system r',
  'event_seals.sealer atrium_system r',
  'idempotency_keys.sweep atrium_system *',
  'members.identity atrium_identity r',
  'organizations.identity atrium_identity r',
  'organizations.sweep atrium_system r',
  'search_debts.sweep atrium_system r',
  'search_units.search atrium_search r',
  'search_units.sweep atrium_system r',
];

/** Functions that run with their owner's rights. */
export const DEFINER_FUNCTIONS = ['ensure_event_partitions', 'search_ranked'];
