import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './api.js';
import { freePort } from './server.js';

const running = new Set<OwnRedis>();

/** A Redis of the test's own on a free port, which keeps nothing. */
export class OwnRedis {
  private child: ChildProcess | null = null;

  private constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<OwnRedis> {
    const redis = new OwnRedis(mkdtempSync(join(tmpdir(), 'atrium-redis-')), await freePort());
    running.add(redis);
    await redis.resume();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** kill -9. */
  async halt(): Promise<void> {
    const { child } = this;
    if (!child) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    this.child = null;
  }

  async resume(): Promise<void> {
    const settings = { port: String(this.port), bind: '127.0.0.1', save: '', appendonly: 'no', dir: this.folder };
    this.child = spawn(
      'redis-server',
      Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      { stdio: 'ignore' },
    );
    await new Promise((resolve, reject) => this.child?.once('spawn', resolve).once('error', reject));
    await eventually('Redis answers', () =>
      this.say('PING').then(
        (reply) => reply.startsWith('+PONG'),
        () => false,
      ),
    );
  }

  async flush(): Promise<void> {
    await this.say('FLUSHALL');
  }

  async drop(): Promise<void> {
    running.delete(this);
    await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One inline command and its reply. */
  private say(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(`${command}\r\n`));
      socket.once('error', reject);
      socket.once('data', (reply) => {
        resolve(reply.toString());
        socket.destroy();
      });
    });
  }
}

/** Ends every Redis that a test left behind. */
export async function dropRedises(): Promise<void> {
  await Promise.all([...running].map((redis) => redis.drop()));
}
