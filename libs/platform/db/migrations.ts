import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { withMigrationLock } from './migration-lock.js';

export { ensureLogins, migrateDurable, type Logins } from './logins.js';

/** Prisma's own table, so that `prisma migrate status` and `deploy` agree with this runner. */
const HISTORY = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
  logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`;
const NO_TRANSACTION = /^--\s*no-transaction\s*$/m;
const STATEMENT_MARK = /^--\s*statement\s*$/m;

export interface MigrationStatus {
  name: string;
  appliedAt: Date | null;
}

export interface MigrationCheck {
  migration: string;
  /** The checks of its verify.sql that did not hold. */
  failures: string[];
}

/** The migrations or the database are not in a state to go on; the message says what to do. */
export class MigrationRefused extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MigrationRefused';
  }
}

interface HistoryRow {
  name: string;
  checksum: string;
  finishedAt: Date | null;
}

/**
 * Applies `<dir>/<timestamp>_<name>/migration.sql` in order, takes back with `down.sql` and checks with `verify.sql`. Each migration is one
 * transaction together with its line in the history, unless its file says `-- no-transaction`: then its statements, parted by lines
 * `-- statement`, run one by one. Runs of several processes wait for each other.
 */
export class MigrationRunner {
  /**
   * @param ownerUrl a superuser, or a role with BYPASSRLS and CREATEROLE.
   * @param dir default: prisma/migrations of this package.
   */
  constructor(
    private readonly ownerUrl: string,
    private readonly dir: string = packagedMigrations(),
  ) {}

  /**
   * Applies what is new.
   *
   * @returns the names applied.
   * @throws MigrationRefused when an applied migration was edited or is missing, one is half applied, or the owner lacks rights.
   */
  deploy(): Promise<string[]> {
    return this.locked(async (client) => {
      await assertOwnerCanMigrate(client);
      await client.query(HISTORY);
      const history = await appliedMigrations(client);
      const names = this.names();
      this.assertHistoryHolds(names, history);
      const fresh = names.filter((name) => !history.has(name));
      for (const name of fresh) await this.apply(client, name);
      return fresh;
    });
  }

  /**
   * Takes back the latest applied migration.
   *
   * @returns its name, or null when none is applied.
   */
  revert(): Promise<string | null> {
    return this.locked(async (client) => {
      if (!(await hasHistory(client))) return null;
      const history = await appliedMigrations(client);
      const name = [...history.keys()].sort().at(-1);
      if (!name) return null;
      const sql = this.read(name, 'down.sql');
      if (sql === null) throw new MigrationRefused(`Migration ${name} has no down.sql: it cannot be reverted.`);
      await run(client, name, sql, () => client.query('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name]));
      return name;
    });
  }

  /** Asks the database whether each applied migration holds: its verify.sql answers rows of (check text, ok boolean). */
  verify(): Promise<MigrationCheck[]> {
    return this.locked(async (client) => {
      if (!(await hasHistory(client))) return [];
      const history = await appliedMigrations(client);
      const checks: MigrationCheck[] = [];
      for (const name of this.names().filter((each) => history.has(each))) {
        checks.push({ migration: name, failures: await this.failuresOf(client, name) });
      }
      return checks;
    });
  }

  /** Every migration of the folder, in order, and since when it is applied. */
  async status(): Promise<MigrationStatus[]> {
    const client = new pg.Client({ connectionString: this.ownerUrl });
    await client.connect();
    try {
      const history = (await hasHistory(client)) ? await appliedMigrations(client) : new Map<string, HistoryRow>();
      return this.names().map((name) => ({ name, appliedAt: history.get(name)?.finishedAt ?? null }));
    } finally {
      await client.end();
    }
  }

  private locked<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return withMigrationLock(this.ownerUrl, work);
  }

  private names(): string[] {
    return readdirSync(this.dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^\d+_/.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  }

  private read(name: string, file: string): string | null {
    const path = join(this.dir, name, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  }

  private migrationSql(name: string): string {
    const sql = this.read(name, 'migration.sql');
    if (sql === null) throw new MigrationRefused(`Migration ${name} has no migration.sql.`);
    return sql;
  }

  private assertHistoryHolds(names: string[], history: ReadonlyMap<string, HistoryRow>): void {
    for (const [name, { checksum: applied, finishedAt }] of history) {
      if (!finishedAt) {
        throw new MigrationRefused(`Migration ${name} failed half way. Repair the database, then delete its row from _prisma_migrations.`);
      }
      if (!names.includes(name)) {
        throw new MigrationRefused(`Migration ${name} is applied, and not in ${this.dir}: this program is older than its database.`);
      }
      if (applied !== checksum(this.migrationSql(name))) {
        throw new MigrationRefused(
          `Migration ${name} was edited after it was applied. Restore its file and put the change into a new one.`,
        );
      }
    }
  }

  private async apply(client: pg.Client, name: string): Promise<void> {
    const sql = this.migrationSql(name);
    await run(client, name, sql, () =>
      client.query(
        `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
         VALUES (gen_random_uuid()::text, $1, $2, clock_timestamp(), clock_timestamp(), 1)`,
        [checksum(sql), name],
      ),
    );
  }

  private async failuresOf(client: pg.Client, name: string): Promise<string[]> {
    const sql = this.read(name, 'verify.sql');
    if (sql === null) return ['there is no verify.sql'];
    const answered = await client.query<{ check: string; ok: boolean | null }>(sql);
    const results = Array.isArray(answered) ? (answered as pg.QueryResult<{ check: string; ok: boolean | null }>[]) : [answered];
    return results.flatMap(({ rows }) => rows.filter(({ ok }) => ok !== true).map(({ check }) => check));
  }
}

/** prisma/migrations of the package that holds this file, found from the sources and from what was compiled of them. */
export function packagedMigrations(from: string = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'prisma', 'migrations');
    if (folder === dirname(folder)) throw new MigrationRefused(`No package.json was found above ${from}.`);
  }
}

const checksum = (sql: string): string => createHash('sha256').update(sql).digest('hex');

async function run(client: pg.Client, name: string, sql: string, record: () => Promise<unknown>): Promise<void> {
  try {
    if (NO_TRANSACTION.test(sql)) {
      for (const statement of sql.split(STATEMENT_MARK)) await client.query(statement);
      await record();
      return;
    }
    await client.query('BEGIN');
    await client.query(sql);
    await record();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new MigrationRefused(`Migration ${name} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function hasHistory(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS found`);
  return rows[0]?.found === true;
}

async function appliedMigrations(client: pg.Client): Promise<Map<string, HistoryRow>> {
  const { rows } = await client.query<HistoryRow>(
    `SELECT migration_name AS name, checksum, finished_at AS "finishedAt" FROM _prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** Under FORCE ROW LEVEL SECURITY a backfill by any other owner changes no row and says nothing. */
async function assertOwnerCanMigrate(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string; may: boolean; vector: boolean; installed: boolean; superuser: boolean }>(`
    SELECT rolname AS name, rolsuper AS superuser, rolsuper OR (rolbypassrls AND rolcreaterole) AS may,
           EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS vector,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS installed
    FROM pg_roles WHERE rolname = current_user`);
  const owner = rows[0];
  if (!owner?.may) {
    throw new MigrationRefused(
      `The migration role ${owner?.name ?? ''} must be a superuser, or have both BYPASSRLS and CREATEROLE. ` +
        `As a superuser run: ALTER ROLE ${owner?.name ?? '…'} BYPASSRLS CREATEROLE;`,
    );
  }
  if (!owner.vector) throw new MigrationRefused('pgvector is not available on this PostgreSQL server: install it there first.');
  if (!owner.installed && !owner.superuser) {
    throw new MigrationRefused('pgvector is not installed in this database. As a superuser run there: CREATE EXTENSION vector;');
  }
}
