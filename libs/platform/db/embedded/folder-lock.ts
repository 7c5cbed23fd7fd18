import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** A process, told apart from a later one with the same id by when it started (Linux; elsewhere by its id alone). */
export interface ProcessMark {
  pid: number;
  /** Clock ticks since boot, as /proc tells them; null where there is no /proc. */
  startedAt: string | null;
}

export interface LockHolder {
  /** The server that uses the folder. */
  owner: ProcessMark;
  /** Its database process, which may outlive it for a moment. */
  engine: ProcessMark;
}

export const lockFileOf = (dataDir: string): string => `${dataDir.replace(/\/+$/, '')}.lock`;

export function markOf(pid: number): ProcessMark {
  return { pid, startedAt: startTimeOf(pid) };
}

export function isAlive({ pid, startedAt }: ProcessMark): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startTimeOf(pid);
  return startedAt === null || now === null || now === startedAt;
}

/**
 * Takes the lock, or says who holds it. A lock whose database process is gone is taken over. Two that find the same dead lock cannot both have
 * it: the file that says "I am replacing the lock" can be linked into place only once.
 */
export function takeLock(lockFile: string, holder: LockHolder): LockHolder | null {
  const turn = `${lockFile}.turn`;
  const mine = `${lockFile}.${holder.engine.pid}`;
  writeFileSync(mine, JSON.stringify(holder), { mode: 0o600 });
  try {
    const busy = linkOrReadHolder(mine, turn);
    if (busy) return busy;
    try {
      const current = readHolder(lockFile);
      if (current && isAlive(current.engine)) return current;
      renameSync(mine, lockFile);
      return null;
    } finally {
      rmSync(turn, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Gives the lock back if it is this process's. */
export function releaseLock(lockFile: string, holder: LockHolder): void {
  if (readHolder(lockFile)?.engine.pid === holder.engine.pid) rmSync(lockFile, { force: true });
}

/** Whether the server lives whose database process holds the lock: if not, the lock will be free in a moment. */
export const ownerLives = (holder: LockHolder): boolean => isAlive(holder.owner);

function linkOrReadHolder(mine: string, turn: string): LockHolder | null {
  try {
    linkSync(mine, turn);
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = readHolder(turn);
  if (holder && isAlive(holder.engine)) return holder;
  rmSync(turn, { force: true });
  linkSync(mine, turn);
  return null;
}

function readHolder(file: string): LockHolder | null {
  try {
    const { owner, engine } = JSON.parse(readFileSync(file, 'utf8')) as Partial<LockHolder>;
    return typeof owner?.pid === 'number' && typeof engine?.pid === 'number' ? { owner, engine } : null;
  } catch {
    return null;
  }
}

function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name and may hold spaces and brackets; the start time is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
