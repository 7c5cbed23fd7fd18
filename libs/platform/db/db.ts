import { PrismaPg } from '@prisma/adapter-pg';
import type { Cipher } from '@atrium/platform/config';
import type { Log, Metrics } from '@atrium/platform/observability';
import type { Caller, OrgContext } from '@atrium/platform/tenancy';
import { translateDatabaseError } from './database-errors.js';
import { type Prisma, PrismaClient } from './generated/client.js';
import { once, onceOnAccounts } from './idempotency.js';
import { assertNoTransaction, dbScope, type DbScope } from './scope.js';
import { ScopedPool } from './scoped-pool.js';
import type { IdentityTx, SystemTx, Tx } from './transactions.js';

export interface DbOptions {
  /** URL of the login that may become atrium_app only. */
  appUrl: string;
  /** URL of the login that may become atrium_identity and atrium_system. */
  systemUrl: string;
  /** Connections of the first; the second has at most 4. */
  poolSize: number;
  cipher: Cipher;
  log: Log;
  metrics: Metrics;
}

/** Milliseconds after which a transaction is logged as slow. */
const SLOW_MS = 1_000;
/** How long a transaction waits for a free connection before it is refused as `request.database_unavailable`. Milliseconds. */
const MAX_WAIT_MS = 10_000;

/** The only door to the database. Transactions do not nest: a call inside an open one throws. */
export class Db {
  private readonly app: PrismaClient;
  private readonly system: PrismaClient;

  constructor(private readonly options: DbOptions) {
    this.app = this.client(options.appUrl, options.poolSize);
    this.system = this.client(options.systemUrl, Math.min(options.poolSize, 4));
  }

  /**
   * One writing transaction in the organization of `ctx`. If the request has an Idempotency-Key, the first call claims it and a
   * repeat answers the stored result without running `fn`; so `fn` must return what the route answers.
   */
  async inOrg<T>(ctx: OrgContext, fn: (tx: Tx) => Promise<T>, limits?: { timeoutSeconds?: number }): Promise<T> {
    const claim = ctx.idempotency;
    const scope = { role: 'atrium_app', orgId: ctx.orgId, readOnly: false } as const;
    if (!claim || claim.claimed) return this.run(this.app, scope, (tx) => fn(tx as Tx), limits?.timeoutSeconds);
    claim.claimed = true;
    return this.run(this.app, scope, (tx) => once(tx as Tx, ctx, claim, this.options.cipher, () => fn(tx as Tx)), limits?.timeoutSeconds);
  }

  /** One reading transaction: every query sees the same snapshot. */
  readInOrg<T>(ctx: Pick<OrgContext, 'orgId'>, fn: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(this.app, { role: 'atrium_app', orgId: ctx.orgId, readOnly: true }, (tx) => fn(tx as Tx));
  }

  /** One transaction on accounts. With `caller`, its Idempotency-Key is claimed as in `inOrg`: whoever changes something passes it. */
  asIdentity<T>(fn: (tx: IdentityTx) => Promise<T>, caller?: Caller | OrgContext): Promise<T> {
    const scope = { role: 'atrium_identity', orgId: null, readOnly: false } as const;
    const claim = caller?.idempotency;
    if (!claim || claim.claimed) return this.run(this.system, scope, (tx) => fn(tx as IdentityTx));
    claim.claimed = true;
    const { cipher } = this.options;
    return this.run(this.system, scope, (tx) => onceOnAccounts(tx as IdentityTx, caller, claim, cipher, () => fn(tx as IdentityTx)));
  }

  /** One transaction of Atrium's own upkeep, across organizations; the work on one organization goes on in `inOrg`. */
  asSystem<T>(_reason: string, fn: (tx: SystemTx) => Promise<T>, limits?: { timeoutSeconds?: number }): Promise<T> {
    const scope = { role: 'atrium_system', orgId: null, readOnly: false } as const;
    return this.run(this.system, scope, (tx) => fn(tx as SystemTx), limits?.timeoutSeconds);
  }

  async close(): Promise<void> {
    await Promise.all([this.app.$disconnect(), this.system.$disconnect()]);
  }

  private client(url: string, max: number): PrismaClient {
    const pool = new ScopedPool({
      connectionString: url,
      max,
      connectionTimeoutMillis: MAX_WAIT_MS,
      query_timeout: 60_000,
      keepAlive: true,
    });
    return new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
  }

  private async run<T>(
    client: PrismaClient,
    base: Omit<DbScope, 'open' | 'afterCommit' | 'slowQuery'>,
    fn: (tx: Prisma.TransactionClient) => Promise<T>,
    timeoutSeconds = 15,
  ): Promise<T> {
    assertNoTransaction('a Db call');
    const scope: DbScope = { ...base, open: true, afterCommit: [], slowQuery: (sql, ms) => this.logSlowQuery(sql, ms) };
    const startedAt = performance.now();
    let result: T;
    try {
      result = await dbScope.run(scope, () => client.$transaction(fn, { maxWait: MAX_WAIT_MS, timeout: timeoutSeconds * 1_000 }));
    } catch (error) {
      throw translateDatabaseError(error);
    } finally {
      scope.open = false;
      this.measure(base, performance.now() - startedAt);
    }
    for (const hook of scope.afterCommit) hook();
    return result;
  }

  private logSlowQuery(sql: string, ms: number): void {
    this.options.log.warn('slow query', { durationMs: Math.round(ms), sql: sql.replace(/\s+/g, ' ').trim().slice(0, 500) });
  }

  private measure(scope: Pick<DbScope, 'role' | 'orgId'>, ms: number): void {
    this.options.metrics.transactions.observe({ role: scope.role }, ms / 1_000);
    if (ms < SLOW_MS) return;
    this.options.metrics.slowTransactions.inc();
    this.options.log.warn('slow transaction', { durationMs: Math.round(ms), kind: scope.role, orgId: scope.orgId });
  }
}
