import { readdir, readFile } from 'node:fs/promises';

export const MEBIBYTE = 2 ** 20;

export async function childrenOf(pid: number): Promise<number[]> {
  const lists = (await readdir(`/proc/${pid}/task`)).map((task) =>
    readFile(`/proc/${pid}/task/${task}/children`, 'latin1').catch(() => ''),
  );
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean).map(Number);
}

/** The most that a process held of the machine's memory at once, in bytes; 0 once it is gone. */
export async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}
