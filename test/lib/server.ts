import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { TestRun } from './run.js';

export interface ServerOptions {
  dataDir: string;
  /** Settings over the defaults of these tests; DATABASE_URL and REDIS_URL make it a server of the other kind. */
  environment?: Record<string, string>;
  /** `worker` listens nowhere. */
  kind?: 'api' | 'worker';
  /** 0, the default: a free one. Give the same one again to restart a server under its address. */
  port?: number;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const READY_MS = 120_000;
const KEPT_CHARS = 200_000;
const running = new Set<Server>();
process.once('exit', () => {
  for (const server of running) server.signal('SIGKILL');
});

/** The app of a test run, as the global set-up starts it: its database is open to the test. */
export async function startTestApp({ dataDir, environment = {} }: ServerOptions): Promise<{ run: TestRun; stop(): Promise<void> }> {
  const app = fork('test/app-process.mjs', {
    env: { ...process.env, ...DEFAULTS, LOG_LEVEL: 'error', OUTBOUND_ALLOW: '127.0.0.1', DATA_DIR: dataDir, ...environment },
  });
  const ended = once(app, 'exit');
  const failed = ended.then(([code]) =>
    Promise.reject<TestRun[]>(new Error(`the app of the test ended with code ${String(code)} while starting`)),
  );
  const [run] = (await Promise.race([once(app, 'message'), failed])) as [TestRun];
  failed.catch(() => undefined);
  return {
    run,
    stop: async () => {
      app.disconnect();
      await ended;
      if (run.template) rmSync(run.template, { recursive: true });
    },
  };
}

/** Atrium in a process of its own, from dist/, as `npm start` runs it. Nothing of the test's own environment reaches it. */
export class Server {
  /** Settles when it serves, with how long that took in milliseconds; fails when it ends before. */
  readonly ready: Promise<number>;
  readonly ended: Promise<Ended>;
  readonly environment: Readonly<Record<string, string>>;
  private readonly child: ChildProcess;
  private port = 0;
  private stdout = '';
  private stderr = '';

  /** Starts it without waiting; `ready` tells when it serves. */
  constructor({ dataDir, environment = {}, kind = 'api', port = 0 }: ServerOptions) {
    const startedAt = performance.now();
    this.environment = environment;
    this.child = spawn(process.execPath, [`dist/bundle/${kind}.js`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...DEFAULTS, DATA_DIR: dataDir, PORT: String(port), ...environment },
    });
    running.add(this);
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      }),
    );
    this.child.stderr?.on('data', (piece: Buffer) => (this.stderr = (this.stderr + piece.toString()).slice(-KEPT_CHARS)));
    this.ready = new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready after ${READY_MS} ms: ${this.log.slice(-2_000)}`)), READY_MS);
      void this.ended.then(({ code, signal }) => {
        clearTimeout(timer);
        reject(new Error(`ended with ${code ?? signal ?? 'nothing'} before it was ready: ${this.log.slice(-2_000)}`));
      });
      createInterface({ input: this.child.stdout ?? process.stdin }).on('line', (line) => {
        this.stdout = `${this.stdout}${line}\n`.slice(-KEPT_CHARS);
        const heard = readyPort(line);
        if (heard === null) return;
        this.port = heard;
        clearTimeout(timer);
        resolve(performance.now() - startedAt);
      });
    });
    this.ready.catch(() => undefined);
  }

  static async start(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    await server.ready.catch(async (error: unknown) => {
      await server.kill();
      throw error;
    });
    return server;
  }

  /** Runs one that is expected to end by itself; killed when it does not within `ms`. */
  static async refused(options: ServerOptions, ms = 90_000): Promise<Ended> {
    const server = new Server(options);
    const timer = setTimeout(() => server.signal('SIGKILL'), ms);
    return server.ended.finally(() => clearTimeout(timer));
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get pid(): number {
    return this.child.pid ?? 0;
  }
  /** Everything that it has said, the end of it when that is much. */
  get log(): string {
    return this.stdout + this.stderr;
  }

  /** Warnings, errors and what is no log line at all. */
  get complaints(): string[] {
    return this.log.split('\n').filter((line) => line !== '' && !/"level":"(info|debug|warn)"/.test(line));
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** SIGTERM; how it ended and after how many milliseconds. */
  async stop(): Promise<Ended & { ms: number }> {
    const startedAt = performance.now();
    this.signal('SIGTERM');
    const ended = await this.ended;
    return { ...ended, ms: performance.now() - startedAt };
  }
}

/** Ends every server that a test left behind. */
export async function killServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.kill()));
}

/** A port that is free now, for a server that must come back under its address. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

const DEFAULTS = {
  HOST: '127.0.0.1',
  NODE_ENV: 'test',
  LOG_LEVEL: 'info',
  RATE_LIMIT_PER_MINUTE: '0',
  REFUSED_CREDENTIALS_PER_MINUTE: '0',
  HTTP_CONNECTIONS_PER_ADDRESS: '0',
  HTTP_CONNECTIONS: '0',
  REGISTRATION: 'open',
};

/** The port of the line that says that it serves (a worker: 0); null for another line. */
function readyPort(line: string): number | null {
  try {
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number };
    return msg === 'ready' ? (port ?? 0) : msg === 'worker ready' ? 0 : null;
  } catch {
    return null;
  }
}
