import type { Db } from './db.js';
import type { SystemTx } from './transactions.js';
import { DEFINER_FUNCTIONS, EXTRA_POLICIES, TABLES, TENANT_KEYS } from './tables.js';

interface TableRow {
  name: string;
  parent: string | null;
  kind: string;
  rls: boolean;
  forced: boolean;
}
interface PolicyRow {
  table: string;
  name: string;
  role: string | null;
  command: string;
  qual: string | null;
  check: string | null;
}
interface IndexRow {
  table: string;
  name: string;
  columns: string[];
  primary: boolean;
}
interface ForeignKeyRow {
  table: string;
  name: string;
  target: string;
  columns: string[];
  on_delete: string;
}

/** What the policy of a tenant table must be, as PostgreSQL prints it. */
const tenantPolicy = (key: string) => `(${key} = (NULLIF(current_setting('app.org_id'::text, true), ''::text))::uuid)`;

/**
 * Examines the database against tables.ts and answers every finding; boot refuses to start when there is one.
 * With `logins`, the runtime logins must be able to become their own roles only.
 */
export function catalogueFindings(db: Db, logins?: { app: string; system: string }): Promise<string[]> {
  return db.asSystem('catalogue check', async (tx) => [
    ...(await tableFindings(tx)),
    ...(await keyFindings(tx)),
    ...(await privilegeFindings(tx)),
    ...(await functionFindings(tx)),
    ...(await roleFindings(tx, logins)),
  ]);
}

async function tableFindings(tx: SystemTx): Promise<string[]> {
  const tables = await tx.$queryRaw<TableRow[]>`
    SELECT c.relname::text AS name, p.relname::text AS parent, c.relkind::text AS kind, c.relrowsecurity AS rls, c.relforcerowsecurity AS forced
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;
  const policies = await tx.$queryRaw<PolicyRow[]>`
    SELECT c.relname::text AS "table", p.polname::text AS name, r.rolname::text AS role, p.polcmd::text AS command,
      pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS "check"
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL unnest(p.polroles) AS x(oid) ON true LEFT JOIN pg_roles r ON r.oid = x.oid
    WHERE n.nspname = 'public'`;
  const listed = new Set<string>(Object.values(TABLES).flat());
  const tenant = new Set<string>(TABLES.tenant);
  const found: string[] = [];
  for (const name of listed) if (!tables.some((table) => table.name === name)) found.push(`table ${name} is listed but does not exist`);
  for (const table of tables) {
    const known = table.parent ?? table.name;
    if (table.kind === 'v' || table.kind === 'm' || table.kind === 'f')
      found.push(`${table.name} is a view or foreign table; there are none`);
    else if (!listed.has(known)) found.push(`table ${table.name} is in no class of tables.ts`);
    if (!tenant.has(known)) continue;
    if (!table.rls || !table.forced) found.push(`table ${table.name}: row level security is not enabled and forced`);
    found.push(
      ...policyFindings(
        table.name,
        TENANT_KEYS[known] ?? 'org_id',
        policies.filter((policy) => policy.table === table.name),
      ),
    );
  }
  return found;
}

function policyFindings(table: string, key: string, policies: PolicyRow[]): string[] {
  const found: string[] = [];
  const expected = tenantPolicy(key);
  const own = policies.filter((policy) => policy.name === 'tenant');
  if (own.length !== 1 || own[0]?.role !== 'atrium_app' || own[0].command !== '*')
    found.push(`table ${table}: there is no single policy "tenant" to atrium_app for all commands`);
  else {
    if (own[0].qual !== expected) found.push(`table ${table}: USING of its policy is ${own[0].qual ?? 'missing'}`);
    if (own[0].check !== expected) found.push(`table ${table}: WITH CHECK of its policy is ${own[0].check ?? 'missing'}`);
  }
  for (const policy of policies) {
    if (policy.name === 'tenant') continue;
    const shown = `${table}.${policy.name} ${policy.role ?? 'public'} ${policy.command}`;
    if (!EXTRA_POLICIES.includes(shown)) found.push(`policy ${shown} is not listed`);
  }
  return found;
}

async function keyFindings(tx: SystemTx): Promise<string[]> {
  const indexes = await tx.$queryRaw<IndexRow[]>`
    SELECT c.relname::text AS "table", x.relname::text AS name, i.indisprimary AS "primary",
      array_agg(coalesce(a.attname::text, '(expression)') ORDER BY k.o) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(n, o) LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n AND k.n > 0
    WHERE n.nspname = 'public' AND i.indisunique AND NOT c.relispartition GROUP BY 1, 2, 3`;
  const foreign = await tx.$queryRaw<ForeignKeyRow[]>`
    SELECT c.relname::text AS "table", f.conname::text AS name, t.relname::text AS target, f.confdeltype::text AS on_delete,
      (SELECT array_agg(a.attname::text ORDER BY k.o) FROM unnest(f.conkey) WITH ORDINALITY AS k(n, o) JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n) AS columns
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class t ON t.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND n.nspname = 'public' AND NOT c.relispartition`;
  const nullable = await tx.$queryRaw<{ table: string; column: string }[]>`
    SELECT c.relname::text AS "table", a.attname::text AS "column" FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.attname IN ('org_id', 'id') AND NOT a.attnotnull`;
  const found: string[] = [];
  for (const table of TABLES.tenant) {
    const key = TENANT_KEYS[table] ?? 'org_id';
    const own = indexes.filter((index) => index.table === table);
    if (!own.some((index) => index.primary)) found.push(`table ${table} has no primary key`);
    for (const index of own)
      if (index.columns[0] !== key) found.push(`unique index ${index.name} does not start with ${key}: it tells of other organizations`);
    if (nullable.some((column) => column.table === table && column.column === key)) found.push(`table ${table}: ${key} may be null`);
    for (const link of foreign.filter((one) => one.table === table)) {
      if (link.columns[0] !== key) found.push(`foreign key ${link.name} does not start with ${key}`);
      if (link.on_delete === 'n' || link.on_delete === 'd') found.push(`foreign key ${link.name} sets null or default`);
      if (!TABLES.tenant.some((name) => name === link.target)) found.push(`foreign key ${link.name} leaves the tenant tables`);
    }
  }
  return found;
}

async function privilegeFindings(tx: SystemTx): Promise<string[]> {
  const rows = await tx.$queryRaw<{ name: string }[]>`
    SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'dbos') AND c.relkind IN ('r', 'p', 'v', 'm')
      AND (has_table_privilege('atrium_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') OR has_any_column_privilege('atrium_app', c.oid, 'SELECT, INSERT, UPDATE'))`;
  const tenant = new Set<string>(TABLES.tenant);
  const found = rows.filter((row) => !tenant.has(row.name)).map((row) => `atrium_app has a right on ${row.name}, which is no tenant table`);
  const [log] = await tx.$queryRaw<{ any: boolean }[]>`
    SELECT bool_or(has_table_privilege('atrium_app', t, 'UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege('atrium_app', t, 'UPDATE')) AS any FROM unnest(ARRAY['public.events', 'public.event_seals']) t`;
  if (log?.any) found.push('atrium_app may change the event log');
  return found;
}

async function functionFindings(tx: SystemTx): Promise<string[]> {
  const rows = await tx.$queryRaw<{ name: string; config: string[] | null; public: boolean }[]>`
    SELECT p.proname::text AS name, p.proconfig AS config, has_function_privilege('public', p.oid, 'EXECUTE') AS public
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND p.prosecdef`;
  return rows.flatMap((row) => [
    ...(DEFINER_FUNCTIONS.includes(row.name) ? [] : [`function ${row.name} runs with its owner's rights and is not listed`]),
    ...((row.config ?? []).some((setting) => setting.startsWith('search_path=')) ? [] : [`function ${row.name} has no fixed search_path`]),
    ...(row.public ? [`function ${row.name} may be called by anyone`] : []),
  ]);
}

async function roleFindings(tx: SystemTx, logins?: { app: string; system: string }): Promise<string[]> {
  const names = ['atrium_app', 'atrium_identity', 'atrium_system', 'atrium_search', ...(logins ? [logins.app, logins.system] : [])];
  const roles = await tx.$queryRaw<{ name: string; powerful: boolean; owns: boolean; member_of: string[] }[]>`
    SELECT r.rolname::text AS name, (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication) AS powerful,
      EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid) AS owns,
      ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1) AS member_of
    FROM pg_roles r WHERE r.rolname = ANY (${names})`;
  const allowed: Record<string, string[]> = logins
    ? { [logins.app]: ['atrium_app'], [logins.system]: ['atrium_identity', 'atrium_system'] }
    : {};
  return names.flatMap((name) => {
    const role = roles.find((one) => one.name === name);
    if (!role) return [`role ${name} does not exist`];
    return [
      ...(role.powerful ? [`role ${name} is a superuser, bypasses row security or may make roles or databases`] : []),
      ...(role.owns ? [`role ${name} owns a table`] : []),
      ...(role.member_of.join() === (allowed[name] ?? []).join()
        ? []
        : [`role ${name} is a member of ${role.member_of.join(', ') || 'nothing'}`]),
    ];
  });
}
