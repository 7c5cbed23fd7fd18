import type { Duplex } from 'node:stream';
import pg from 'pg';
import { dbScope, type DbRole, type DbScope } from './scope.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ROLES: ReadonlySet<DbRole> = new Set(['atrium_app', 'atrium_identity', 'atrium_system']);

/** The first message of every transaction: one round trip for BEGIN, role and organization. */
export function prelude(scope: DbScope): string {
  if (!ROLES.has(scope.role)) throw new Error(`unknown role ${scope.role}`);
  if (scope.orgId !== null && !UUID.test(scope.orgId)) throw new Error('an organization id must be a UUID');
  return `BEGIN${scope.readOnly ? ' ISOLATION LEVEL REPEATABLE READ READ ONLY' : ''}; SET LOCAL ROLE ${scope.role}; SET LOCAL app.org_id = '${scope.orgId ?? ''}'`;
}

type Query = (config: unknown, values?: unknown, callback?: unknown) => Promise<pg.QueryResult>;

/** A statement that takes longer is told to the scope. Milliseconds. */
const SLOW_MS = 1_000;

/**
 * Prisma says BEGIN and COMMIT through `query`; here they become tenancy's. Nobody waits for the prelude alone: it is kept back until the
 * first statement, and both go out in one write. When the prelude fails the transaction is aborted, so nothing runs outside role and
 * organization.
 */
class ScopedClient extends pg.Client {
  private opening: Promise<unknown> = Promise.resolve();
  private readOnly = false;

  // pg declares a dozen overloads of `query`; the adapter uses the promise form only.
  override query = ((config: unknown, values?: unknown, callback?: unknown) => {
    const run = super.query.bind(this) as unknown as Query;
    const text = typeof config === 'string' ? config : ((config as { text?: string } | undefined)?.text ?? '');
    if (/^\s*begin\b/i.test(text)) {
      const scope = dbScope.getStore();
      if (!scope?.open) return Promise.reject(new Error('a transaction outside Db'));
      this.wire.cork();
      this.opening = run(prelude(scope));
      this.opening.catch(() => undefined);
      this.readOnly = scope.readOnly;
      return Promise.resolve({ command: 'BEGIN', rowCount: 0, rows: [], fields: [], oid: 0 });
    }
    process.nextTick(() => this.wire.uncork());
    if (/^\s*commit\b/i.test(text)) {
      const committed = Promise.all([run('COMMIT'), this.opening]);
      if (this.readOnly) {
        // Nothing was written, so nothing can be lost: the answer is not waited for.
        committed.catch(() => undefined);
        return Promise.resolve({ command: 'COMMIT', rowCount: 0, rows: [], fields: [], oid: 0 });
      }
      return committed.then(([result]) => {
        if (result.command !== 'COMMIT') throw new Error(`the transaction was aborted: COMMIT answered ${result.command}`);
        return result;
      });
    }
    const startedAt = performance.now();
    const answered = Promise.all([run(config, values, callback), this.opening]).then(([result]) => result);
    return answered.finally(() => {
      const ms = performance.now() - startedAt;
      if (ms > SLOW_MS) dbScope.getStore()?.slowQuery(text, ms);
    });
  }) as pg.Client['query'];

  private get wire(): Duplex {
    return (this as unknown as { connection: { stream: Duplex } }).connection.stream;
  }
}

/** A pool that gives out connections for transactions only. */
export class ScopedPool extends pg.Pool {
  constructor(options: pg.PoolConfig) {
    super({ ...options, Client: ScopedClient, pipeline: true });
    // A broken idle connection is dropped by the pool; the next transaction opens another.
    this.on('error', () => undefined);
  }

  override query = (() => Promise.reject(new Error('a query outside a transaction'))) as unknown as pg.Pool['query'];
}
