import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withClient } from './row-security.js';
import { freePort } from './server.js';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';
const PASSWORD = 'of-a-test';
const running = new Set<OwnPostgres>();

/** A PostgreSQL cluster of the test's own, in a temporary folder and on a free port. Needs the server's programs, with pgvector. */
export class OwnPostgres {
  private constructor(
    private readonly folder: string,
    private readonly bin: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<OwnPostgres> {
    const bin = programs();
    const folder = mkdtempSync(join(tmpdir(), 'atrium-postgres-'));
    if (isRoot()) chownSync(folder, ...accountOf('postgres'));
    const cluster = new OwnPostgres(folder, bin, await freePort());
    const data = join(folder, 'data');
    const password = join(folder, 'password');
    writeFileSync(password, PASSWORD, { mode: 0o644 });
    const account = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${password}`];
    await cluster.program('initdb', ['-D', data, ...account, '-E', 'UTF8', '--no-locale', '--no-sync']);
    await cluster.resume();
    running.add(cluster);
    return cluster;
  }

  /** A new database; its URL is the superuser's. */
  async createDatabase(): Promise<string> {
    const name = `own_${randomBytes(4).toString('hex')}`;
    await withClient(this.url('postgres'), (client) => client.query(`CREATE DATABASE ${name}`));
    return this.url(name);
  }

  /** `immediate` is a crash: open transactions are lost, the next start recovers. */
  async halt(mode: 'fast' | 'immediate'): Promise<void> {
    await this.control('stop', '-m', mode);
  }

  async resume(): Promise<void> {
    await this.control('start', '-l', join(this.folder, 'log'), '-o', this.options());
  }

  /** A crash and a new start at once. */
  async crash(): Promise<void> {
    await this.control('restart', '-m', 'immediate', '-l', join(this.folder, 'log'), '-o', this.options());
  }

  async drop(): Promise<void> {
    running.delete(this);
    await this.halt('immediate').catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private url(database: string): string {
    return `postgresql://postgres:${PASSWORD}@127.0.0.1:${this.port}/${database}`;
  }

  private options(): string {
    const settings = { listen_addresses: '127.0.0.1', port: this.port, unix_socket_directories: this.folder, max_connections: 100 };
    return Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' ');
  }

  private control(command: string, ...args: string[]): Promise<void> {
    return this.program('pg_ctl', [command, '-D', join(this.folder, 'data'), '-w', '-t', '60', '-s', ...args]);
  }

  /** PostgreSQL refuses to run as root: then it runs as its own account. */
  private async program(name: string, args: string[]): Promise<void> {
    const path = join(this.bin, name);
    const asPostgres = ['--reuid=postgres', '--regid=postgres', '--init-groups', '--', path, ...args];
    const [file, all] = isRoot() ? ['setpriv', asPostgres] : [path, args];
    await run(file, all, { cwd: this.folder, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } });
  }
}

/** Ends every cluster that a test left behind. */
export async function dropClusters(): Promise<void> {
  await Promise.all([...running].map((cluster) => cluster.drop()));
}

const isRoot = () => process.getuid?.() === 0;

/** PG_BIN, or the newest of Debian's. */
function programs(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const found = [process.env['PG_BIN'] ?? '', ...versions.map((version) => join(DEBIAN, version, 'bin'))].find(
    (folder) => folder !== '' && existsSync(join(folder, 'initdb')),
  );
  if (!found)
    throw new Error('these tests start a PostgreSQL of their own: install its server with pgvector, or set PG_BIN to the folder of initdb');
  return found;
}

function accountOf(name: string): [uid: number, gid: number] {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? '').split(':');
  if (!uid || !gid) throw new Error(`root cannot run PostgreSQL, and there is no account "${name}"`);
  return [Number(uid), Number(gid)];
}
