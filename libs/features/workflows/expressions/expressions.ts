import { Worker } from 'node:worker_threads';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { childEntry } from '@atrium/platform/config';
import { FairLimiter } from '@atrium/platform/durable';
import { Invalid, QuotaExceeded, Unavailable } from '@atrium/platform/errors';
import type { JsonValue, Scope } from './language.js';
import type { Place } from './schema-faults.js';
import type { Answer, Job, Judged } from './worker.js';

/** Threads that evaluate; organizations take turns. */
const THREADS = 2;
/** Of these, for one organization: what it evaluates may be slow. */
const SHARE = 1;
/** The longest that one job may take. Milliseconds. */
const MAX_MS = 3_000;
/** An answer that came while this process itself stood still is taken in before its time is judged. Milliseconds. */
const GRACE_MS = 250;
const MAX_HEAP_MB = 64;

/**
 * Expressions and schemas that users wrote, evaluated in threads of their own with bounded memory; one that takes too long loses its
 * thread. So nothing that stands in a workflow holds this process up.
 */
@Injectable()
export class Expressions implements OnApplicationShutdown {
  private readonly limiter = new FairLimiter(THREADS, SHARE);
  private readonly idle: Worker[] = [];
  private readonly busy = new Set<Worker>();
  private jobs = 0;

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.idle, ...this.busy].map((worker) => worker.terminate()));
  }

  /** What is wrong with expressions and with the schema of the input, place by place. */
  async check(orgId: string, expressions: { pointer: string; source: string }[], schema: JsonValue): Promise<Place[]> {
    return this.places(orgId, { op: 'check', expressions, schema }, ['']);
  }

  /** Where values do not fit their schemas, or cannot be checked by them. */
  async fit(orgId: string, values: Judged[]): Promise<Place[]> {
    if (values.length === 0) return [];
    return this.places(
      orgId,
      { op: 'fit', values },
      values.map(({ pointer }) => pointer),
    );
  }

  /**
   * A signal takes it out of the queue.
   * @throws Invalid `workflows.expression_failed`, QuotaExceeded `workflows.expression_timed_out`, and the signal's reason
   */
  async evaluate(orgId: string, source: string, scope: Scope, signal?: AbortSignal): Promise<JsonValue> {
    return valueOf(await this.run(orgId, { op: 'evaluate', source, scope }, signal));
  }

  /** Each template with its expressions evaluated. @throws as `evaluate` does. */
  async resolve(orgId: string, templates: JsonValue[], scope: Scope, signal: AbortSignal): Promise<JsonValue[]> {
    return valueOf(await this.run(orgId, { op: 'resolve', templates, scope }, signal)) as JsonValue[];
  }

  /** What cannot be judged within bounds is at fault itself, at `pointers`. */
  private async places(orgId: string, job: Job, pointers: string[]): Promise<Place[]> {
    try {
      return placesOf(await this.run(orgId, job));
    } catch (error) {
      if (!(error instanceof QuotaExceeded)) throw error;
      return pointers.map((pointer) => ({ pointer, message: 'takes too long or too much memory to check' }));
    }
  }

  private run(orgId: string, job: Job, signal?: AbortSignal): Promise<Answer> {
    const evaluated = async () => {
      const worker = this.idle.pop() ?? (await this.start());
      this.busy.add(worker);
      try {
        const answer = await this.ask(worker, job);
        this.idle.push(worker);
        return answer;
      } catch (error) {
        void worker.terminate();
        throw error;
      } finally {
        this.busy.delete(worker);
      }
    };
    return this.limiter.run(orgId, evaluated, signal);
  }

  /** A thread that has loaded its code, so that the time of a job is the job's alone. */
  private async start(): Promise<Worker> {
    const worker = new Worker(childEntry(import.meta.url, './worker.js'), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    });
    worker.unref();
    // A thread that ends while it is idle tells nobody; the next job on it finds out.
    worker.on('error', () => undefined);
    await this.ask(worker, { op: 'evaluate', source: '1', scope: {} }, 30_000);
    return worker;
  }

  private ask(worker: Worker, job: Job, maxMs = MAX_MS): Promise<Answer> {
    const id = ++this.jobs;
    return new Promise<Answer>((resolve, reject) => {
      let slow = setTimeout(() => {
        slow = setTimeout(() => end(() => reject(tooMuch())), GRACE_MS);
      }, maxMs);
      const onMessage = (message: { id: number; answer: Answer }) => {
        if (message.id === id) end(() => resolve(message.answer));
      };
      const onError = (error: Error & { code?: string }) =>
        end(() =>
          reject(
            error.code === 'ERR_WORKER_OUT_OF_MEMORY'
              ? tooMuch()
              : new Unavailable('workflows.step_failed', 'Expressions cannot be evaluated now.', { cause: error }),
          ),
        );
      const onExit = () => end(() => reject(tooMuch()));
      const end = (settle: () => void) => {
        clearTimeout(slow);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        settle();
      };
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.postMessage({ id, job });
    });
  }
}

const tooMuch = () =>
  new QuotaExceeded('workflows.expression_timed_out', 'An expression takes too long or too much memory.', { retryable: false });

function placesOf(answer: Answer): Place[] {
  if ('places' in answer) return answer.places;
  throw new Invalid('workflows.expression_failed', 'fault' in answer ? answer.fault : 'An expression cannot be evaluated.');
}

function valueOf(answer: Answer): JsonValue {
  if ('value' in answer) return answer.value;
  throw new Invalid('workflows.expression_failed', 'fault' in answer ? answer.fault : 'An expression cannot be evaluated.');
}
