import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ExtractionLimits } from './extraction.js';

const run = promisify(execFile);

/** Threads of Node and a little air; counted for the child alone only inside its own user namespace. */
const MAX_PROCESSES = 64;
const MAX_OPEN_FILES = 64;

/** What of this machine's tools works here. */
export interface Walls {
  /** util-linux unshare: a user and a network namespace without any interface. */
  namespaces: boolean;
  /** util-linux prlimit: kernel limits on memory, CPU time, written bytes, open files. */
  prlimit: boolean;
  /** util-linux setpriv: no new privileges, and the child dies with its parent even when the parent is killed. */
  setpriv: boolean;
  /** setpriv takes away the rights that the child would have within its own user namespace. */
  withoutCapabilities: boolean;
}

let probed: Promise<Walls> | undefined;

/** Tries each tool once per process, with Node as the program, because a tool that exists may still be forbidden here. */
export function probeSandbox(): Promise<Walls> {
  probed ??= probe();
  return probed;
}

async function probe(): Promise<Walls> {
  if (process.platform !== 'linux') return { namespaces: false, prlimit: false, setpriv: false, withoutCapabilities: false };
  const works = async (command: string, args: string[]) => {
    try {
      const { stdout } = await run(command, [...args, process.execPath, '-e', 'console.log(1)'], { env: {}, timeout: 10_000 });
      return stdout === '1\n';
    } catch {
      return false;
    }
  };
  const [namespaces, prlimit, setpriv, withoutCapabilities] = await Promise.all([
    works('/usr/bin/unshare', UNSHARE),
    works('/usr/bin/prlimit', ['--core=0', '--data=536870912', '--nofile=64', '--fsize=0']),
    works('/usr/bin/setpriv', SETPRIV),
    works('/usr/bin/unshare', [...UNSHARE, '/usr/bin/setpriv', ...SETPRIV, ...NO_CAPABILITIES]),
  ]);
  return { namespaces, prlimit, setpriv, withoutCapabilities };
}

const UNSHARE = ['--user', '--map-root-user', '--net', '--ipc', '--uts'];
const NO_CAPABILITIES = ['--inh-caps=-all', '--bounding-set=-all'];
const SETPRIV = ['--no-new-privs', '--pdeathsig', 'KILL'];

/** The program and arguments that start `node …args` inside the walls that work here. */
export function sandboxed(walls: Walls, limits: ExtractionLimits, args: string[]): [command: string, args: string[]] {
  const words: string[] = [];
  if (walls.namespaces) words.push('/usr/bin/unshare', ...UNSHARE);
  if (walls.prlimit) {
    const cpu = limits.maxCpuSeconds;
    words.push('/usr/bin/prlimit', '--core=0', '--fsize=0', `--nofile=${MAX_OPEN_FILES}`);
    words.push(`--data=${limits.maxMemoryBytes}`, `--cpu=${cpu}:${cpu + 1}`);
    if (walls.namespaces) words.push(`--nproc=${MAX_PROCESSES}`);
  }
  if (walls.setpriv) words.push('/usr/bin/setpriv', ...SETPRIV, ...(walls.withoutCapabilities ? NO_CAPABILITIES : []));
  const heapMegabytes = Math.floor((limits.maxMemoryBytes / 2 ** 20) * 0.7);
  words.push(process.execPath, `--max-old-space-size=${heapMegabytes}`, '--no-warnings', ...args);
  const [command = process.execPath, ...rest] = words;
  return [command, rest];
}

/** One sentence for the log at boot: what confines the process that parses an uploaded file on this machine. */
export async function sandboxDescription(): Promise<string> {
  const walls = await probeSandbox();
  const inForce = ['a heap cap', 'a resident memory watchdog', 'a wall-clock kill', 'an empty environment'];
  if (walls.prlimit) inForce.unshift('kernel limits on memory, CPU time, written bytes and open files');
  if (walls.namespaces) inForce.unshift('no network');
  if (walls.setpriv) inForce.push('no new privileges, and its end with the parent');
  const missing = [
    ...(walls.prlimit ? [] : ['prlimit']),
    ...(walls.namespaces ? [] : ['namespaces']),
    ...(walls.setpriv ? [] : ['setpriv']),
  ];
  const without = missing.length === 0 ? '' : ` Not available here: ${missing.join(', ')}.`;
  return `Files are parsed in a child process each, with ${inForce.join('; ')}.${without}`;
}
