import { Injectable } from '@nestjs/common';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { v7 as uuidv7 } from 'uuid';
import { assertNoTransaction } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { FairLimiter } from './fair-limiter.js';

export type DurableArgs = Record<string, string | number> & { orgId: string };

/** What a running durable function may do. */
export interface DurableRun {
  readonly id: string;
  /**
   * Runs `fn` and keeps its result, so that it is not run again after a restart. A step that was running when the process died runs
   * again: make it idempotent; so does one that fails while it shuts down. Results are ids and small JSON, never text of persons.
   */
  step<T>(name: string, fn: () => Promise<T>, retry?: { attempts: number; backoffSeconds: number }): Promise<T>;
  /**
   * A step that runs `fn` until it answers false: work of any size in short pieces, each of which may run again. When this process ends it
   * stops between two of them and stays unfinished in the books.
   */
  repeat(name: string, fn: () => Promise<boolean>, retry?: { attempts: number; backoffSeconds: number }): Promise<void>;
  /** Survives restarts. */
  sleep(ms: number): Promise<void>;
  /** Aborted when this process shuts down; the work goes on in another one, or here after the restart. */
  readonly signal: AbortSignal;
}

type Body = (args: DurableArgs, run: DurableRun) => Promise<void>;

/** Marks this build's functions: DBOS runs only functions of its own application version. */
const APPLICATION_VERSION = 'atrium-1';

const ENDED = ['SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'] as const;
/** Records of one removal. */
const FORGET_BATCH = 200;

/** Durable functions on DBOS: started once per id, run to their end whatever process dies. */
@Injectable()
export class Durable {
  private readonly functions = new Map<string, (args: DurableArgs) => Promise<void>>();
  private readonly stopping = new AbortController();
  /** Names this run of the process; never used again. */
  readonly executorId = `${process.pid}-${uuidv7()}`;

  constructor(private readonly log: Log) {}

  /** Declares a function; in `onModuleInit`, before the launch. `concurrency` bounds its runs in one process, organizations in turn, and `share` those of one. */
  register(name: string, body: Body, options: { concurrency?: number; share?: number } = {}): void {
    const limiter = options.concurrency ? new FairLimiter(options.concurrency, options.share) : null;
    const run = async (args: DurableArgs): Promise<void> => {
      const id = DBOS.workflowID ?? '';
      const step: DurableRun['step'] = (stepName, fn, retry) =>
        DBOS.runStep(() => fn().catch((error: unknown) => this.unlessStopping(error)), {
          name: stepName,
          ...(retry ? { retriesAllowed: true, maxAttempts: retry.attempts, intervalSeconds: retry.backoffSeconds, backoffRate: 2 } : {}),
        });
      const handle: DurableRun = {
        id,
        signal: this.stopping.signal,
        sleep: (ms) => DBOS.sleep(ms),
        step,
        repeat: (stepName, fn, retry) =>
          step(
            stepName,
            async () => {
              while (await fn()) if (this.stopping.signal.aborted) await new Promise<never>(() => undefined);
            },
            retry,
          ),
      };
      try {
        await (limiter ? limiter.run(args.orgId, () => body(args, handle)) : body(args, handle));
      } catch (error) {
        if (!this.stopping.signal.aborted) this.log.fault('a durable function failed', error, { kind: name, id, orgId: args.orgId });
        throw error;
      }
    };
    this.functions.set(name, DBOS.registerWorkflow(run, { name, maxRecoveryAttempts: 100 }));
  }

  /** Starts a function, or does nothing when one of this id was started before. Not inside a transaction. */
  async start(name: string, id: string, args: DurableArgs): Promise<void> {
    assertNoTransaction('a durable start');
    const fn = this.functions.get(name);
    if (!fn) throw new Error(`no durable function is named ${name}`);
    await DBOS.startWorkflow(fn, { workflowID: id })(args);
  }

  async cancel(id: string): Promise<void> {
    assertNoTransaction('a durable cancel');
    await DBOS.cancelWorkflow(id);
  }

  /** Hands the unfinished work of dead executors to the living ones. */
  async resumeWorkOf(executorIds: string[]): Promise<number> {
    const left = await DBOS.listWorkflows({ status: 'PENDING', executorId: executorIds });
    if (left.length > 0) await DBOS.resumeWorkflows(left.map((one) => one.workflowID));
    return left.length;
  }

  /** Removes the records of functions that ended more than so many days ago; what they did stays. Answers how many. */
  async forget(olderThanDays: number): Promise<number> {
    const completedBefore = new Date(Date.now() - olderThanDays * 86_400_000).toISOString();
    for (let count = 0; ;) {
      const ended = await DBOS.listWorkflows({
        status: [...ENDED],
        completedBefore,
        limit: FORGET_BATCH,
        loadInput: false,
        loadOutput: false,
      });
      if (ended.length > 0) await DBOS.deleteWorkflows(ended.map((one) => one.workflowID));
      count += ended.length;
      if (ended.length < FORGET_BATCH || this.stopping.signal.aborted) return count;
    }
  }

  /** What fails while this process ends has not failed: it stays unfinished in the books. */
  private async unlessStopping(error: unknown): Promise<never> {
    if (this.stopping.signal.aborted) await new Promise<never>(() => undefined);
    throw error;
  }

  async launch(url: string): Promise<void> {
    DBOS.setConfig({
      name: 'atrium',
      systemDatabaseUrl: url,
      systemDatabaseSchemaName: 'dbos',
      systemDatabasePoolSize: 5,
      executorID: this.executorId,
      applicationVersion: APPLICATION_VERSION,
      runMigrations: false,
      // Leaves the server's setting: the embedded database has its own and refuses to share it.
      systemDatabaseIdleTransactionTimeoutMs: 0,
      // Its schedules are not used: those of workflows are ours.
      schedulerPollingIntervalMs: 3_600_000,
      logLevel: 'error',
    });
    await DBOS.launch();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await DBOS.shutdown({ deregister: true });
  }
}
