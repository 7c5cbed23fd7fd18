import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const START_MS = 120_000;

/** Atrium in a process of its own, as `npm start` runs it, on a free port. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly baseUrl: string,
    readonly startMs: number,
  ) {}

  static async start(dataDir: string, environment: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
    const startedAt = performance.now();
    const entry = fileURLToPath(new URL('../../../bundle/api.js', import.meta.url));
    // Its own embedded database, whatever stands in the caller's environment.
    const { DATABASE_URL: _database, DATABASE_ADMIN_URL: _admin, REDIS_URL: _redis, ...inherited } = process.env;
    const child = spawn(process.execPath, [entry], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...inherited,
        DATA_DIR: dataDir,
        HOST: '127.0.0.1',
        PORT: '0',
        LOG_LEVEL: 'info',
        RATE_LIMIT_PER_MINUTE: '0',
        REGISTRATION: 'open',
        NODE_ENV: 'development',
        ...environment,
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server was not ready within ${START_MS / 1_000} s`)), START_MS);
      child.once('exit', (code) => reject(new Error(`the server ended with code ${code ?? 'none'} while starting`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const ready = readyLine(line);
        if (ready === null) return;
        clearTimeout(timer);
        resolve(ready);
      });
    });
    return new ServerProcess(child, `http://127.0.0.1:${port}`, performance.now() - startedAt);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Ends it, orderly or by SIGKILL, and waits until it is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await gone;
  }

  /** Settles when it ends by itself. */
  get ended(): Promise<void> {
    return new Promise((resolve) => this.child.once('exit', () => resolve()));
  }
}

function readyLine(line: string): number | null {
  try {
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number };
    return msg === 'ready' && port ? port : null;
  } catch {
    return null;
  }
}
