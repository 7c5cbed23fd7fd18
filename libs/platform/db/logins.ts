import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { withMigrationLock } from './migration-lock.js';

export interface Login {
  name: string;
  password: string;
}

export interface Logins {
  /** May become atrium_app only. */
  app: Login;
  /** May become atrium_identity and atrium_system. */
  system: Login;
  /** Owns the schema dbos and may do nothing else. */
  durable: Login;
}

const DURABLE_SCHEMA = 'dbos';

/**
 * Makes the LOGIN roles of this installation, or sets their passwords and memberships anew; other memberships are taken from them. Run it
 * after the migrations, which make the roles that they become. Several processes may do it at once.
 */
export function ensureLogins(ownerUrl: string, logins: Logins): Promise<void> {
  return withMigrationLock(ownerUrl, async (client) => {
    await ensureLogin(client, logins.app, ['atrium_app']);
    await ensureLogin(client, logins.system, ['atrium_identity', 'atrium_system']);
    await ensureLogin(client, logins.durable, []);
    await ensureDurableSchema(client, logins.durable.name);
  });
}

/**
 * Migrates the schema of the durable engine. Processes that start it must not do so themselves: two at once fail.
 *
 * @param durableUrl the login `durable` of ensureLogins.
 */
export function migrateDurable(durableUrl: string): Promise<void> {
  return withMigrationLock(durableUrl, async () => {
    // The engine is large; the database process starts while it is loaded.
    const { applyDurableMigrations } = await import('./durable-schema.js');
    await applyDurableMigrations(durableUrl);
  });
}

/** Roles belong to the whole cluster, and the lock to one database: another database's set-up may make or change the role meanwhile. */
async function ensureLogin(client: pg.Client, { name, password }: Login, memberOf: string[]): Promise<void> {
  const role = pg.escapeIdentifier(name);
  await client.query(`CREATE ROLE ${role} LOGIN NOINHERIT`).catch(unlessSqlState('42710', '23505'));
  const attributes = `LOGIN NOINHERIT PASSWORD ${pg.escapeLiteral(passwordVerifier(password))}`;
  await retried(() => client.query(`ALTER ROLE ${role} ${attributes}`));
  // Short queries: compiling them costs more than it saves (40 ms instead of 0.5 ms for a count of unread messages).
  await retried(() => client.query(`ALTER ROLE ${role} SET jit = off`));
  const { rows } = await client.query<{ group: string }>(
    `SELECT g.rolname AS "group" FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
     WHERE r.rolname = $1`,
    [name],
  );
  const has = new Set(rows.map(({ group }) => group));
  for (const group of has) {
    if (!memberOf.includes(group)) await retried(() => client.query(`REVOKE ${pg.escapeIdentifier(group)} FROM ${role}`));
  }
  for (const group of memberOf) {
    if (!has.has(group)) await retried(() => client.query(`GRANT ${pg.escapeIdentifier(group)} TO ${role}`));
  }
  await retried(() =>
    client.query(`DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${pg.escapeLiteral(name)}); END $$`),
  );
}

const SCRAM_ITERATIONS = 4096;

/** What PostgreSQL would store of the password (RFC 5803), so that the password itself reaches neither the server nor its log. */
function passwordVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, SCRAM_ITERATIONS, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}

/** The durable engine's first migration needs CREATE on the database: its outcome is put here instead, recorded as done. */
async function ensureDurableSchema(client: pg.Client, owner: string): Promise<void> {
  const role = pg.escapeIdentifier(owner);
  await client.query(`GRANT ${role} TO CURRENT_USER`).catch(unlessSqlState('42501', '0LP01', '23505'));
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS ${DURABLE_SCHEMA} AUTHORIZATION ${role};
    ALTER SCHEMA ${DURABLE_SCHEMA} OWNER TO ${role};
    CREATE TABLE IF NOT EXISTS ${DURABLE_SCHEMA}.dbos_migrations (
      version bigint NOT NULL, CONSTRAINT dbos_migrations_pkey PRIMARY KEY (version));
    ALTER TABLE ${DURABLE_SCHEMA}.dbos_migrations OWNER TO ${role};
    INSERT INTO ${DURABLE_SCHEMA}.dbos_migrations SELECT 1 WHERE NOT EXISTS (SELECT FROM ${DURABLE_SCHEMA}.dbos_migrations);`);
  for (const language of ['plpgsql', 'sql']) {
    const { rows } = await client.query<{ may: boolean }>(`SELECT has_language_privilege($1, $2, 'USAGE') AS may`, [owner, language]);
    if (rows[0]?.may === false) await client.query(`GRANT USAGE ON LANGUAGE ${language} TO ${role}`);
  }
}

const sqlStateOf = (error: unknown): string | undefined => (error instanceof pg.DatabaseError ? error.code : undefined);

function unlessSqlState(...tolerated: string[]): (error: unknown) => void {
  return (error) => {
    if (!tolerated.includes(sqlStateOf(error) ?? '')) throw error;
  };
}

/** Two changes of one role at once: one of them fails with "tuple concurrently updated", and may be said again. */
async function retried(change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await change();
      return;
    } catch (error) {
      const concurrent = ['XX000', '23505', '40001'].includes(sqlStateOf(error) ?? '');
      if (!concurrent || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 10));
    }
  }
}
