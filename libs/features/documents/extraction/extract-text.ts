import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { childEntry } from '@atrium/platform/config';
import { EXTRACTION_LIMITS, type Extraction, type ExtractionLimits } from './extraction.js';
import { ExtractionFailed } from './extraction-failed.js';
import { BrokenResult, ResultReader } from './result-reader.js';
import { probeSandbox, sandboxed, type Walls } from './sandbox.js';

const WATCH_EVERY_MS = 100;
const PAGE_BYTES = 4096;
const STDERR_KEPT = 4096;

export interface ExtractionInput {
  /** The stored bytes, on this machine's disk. */
  path: string;
  /** As the uploader named it; its extension counts as a claim about the type, so pass '' if it is only a title. */
  fileName: string;
  /** As the uploader sent it; `application/octet-stream` and null claim nothing. */
  claimedMediaType: string | null;
}

/**
 * The text of one file. Its bytes are touched only by a child process that lives for this one document, has no environment, network or
 * files, and is killed when it passes a limit; this process never reads them. How many run at once is the caller's matter.
 * @throws ExtractionFailed when the file is at fault; any other error is ours or the machine's, and trying again may help.
 */
export async function extractText(input: ExtractionInput, limits: Partial<ExtractionLimits> = {}): Promise<Extraction> {
  return extractWithin(await probeSandbox(), input, limits);
}

/** The same behind walls of choice: what a machine without them can still hold is tested with this. */
export async function extractWithin(walls: Walls, input: ExtractionInput, limits: Partial<ExtractionLimits> = {}): Promise<Extraction> {
  const allowed = { ...EXTRACTION_LIMITS, ...limits };
  const file = await open(input.path, 'r');
  const emptyFolder = await mkdtemp(join(tmpdir(), 'atrium-extract-')).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  try {
    const entry = childEntry(import.meta.url, './child/main.js');
    // Node's own arguments end at 128 KiB each; a name that long is no name.
    const args = [
      entry,
      input.fileName.slice(-255).replaceAll('\0', ''),
      (input.claimedMediaType ?? '').slice(0, 255).replaceAll('\0', ''),
    ];
    const [command, words] = sandboxed(walls, allowed, [...args, JSON.stringify(allowed)]);
    return await runChild(command, words, emptyFolder, file, allowed);
  } finally {
    await Promise.allSettled([file.close(), rm(emptyFolder, { recursive: true, force: true })]);
  }
}

/** Why the parent ended the child, if it did. */
type Stop = 'time' | 'memory' | 'broken' | null;

async function runChild(command: string, args: string[], cwd: string, file: FileHandle, limits: ExtractionLimits): Promise<Extraction> {
  const child = spawn(command, args, { cwd, env: {}, stdio: ['ignore', 'ignore', 'pipe', file.fd, 'pipe'] });
  const reader = new ResultReader(limits.maxTextBytes);
  let stop: Stop = null;
  let broken: unknown = null;
  let complaints = '';
  const end = (why: Stop) => {
    stop ??= why;
    child.kill('SIGKILL');
  };
  const clock = setTimeout(() => end('time'), limits.maxSeconds * 1000);
  const watch = setInterval(
    () => void residentBytes(child).then((bytes) => bytes > limits.maxMemoryBytes && end('memory')),
    WATCH_EVERY_MS,
  );
  child.stderr?.setEncoding('latin1').on('data', (text: string) => {
    complaints = (complaints + text).slice(0, STDERR_KEPT);
  });
  (child.stdio[4] as Readable).on('data', (chunk: Buffer) => {
    try {
      if (stop === null) reader.push(chunk);
    } catch (error) {
      broken = error;
      end('broken');
    }
  });
  try {
    const { code, signal } = await ended(child);
    if (stop === 'broken') throw broken;
    if (stop !== null || code !== 0) throw failureOf(stop, signal, complaints);
    return reader.finish();
  } finally {
    clearTimeout(clock);
    clearInterval(watch);
  }
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
}

/** How Node dies when the kernel refuses it memory: by an abort or trap of its own, or where a library did not look, by a fault. */
const CRASHES = new Set<NodeJS.Signals | null>(['SIGABRT', 'SIGTRAP', 'SIGSEGV', 'SIGBUS', 'SIGILL']);

/** What the file did to the parser, and would do again; anything else (the kernel's own SIGKILL, say) is not its doing. */
function failureOf(stop: Stop, signal: NodeJS.Signals | null, complaints: string): Error {
  if (stop === 'time' || signal === 'SIGXCPU') {
    return new ExtractionFailed('timed_out', 'The file takes too long to read; split it into parts or save it as a simpler file.');
  }
  if (stop === 'memory' || CRASHES.has(signal) || /out of memory|allocation failed|bad_alloc/i.test(complaints)) {
    return new ExtractionFailed('too_complex', 'The file needs too much memory to read; split it into parts or save it as a simpler file.');
  }
  return new BrokenResult(`the parser ended by ${signal ?? 'an error'}: ${complaints.slice(0, 500)}`);
}

/** Resident size as /proc tells it; 0 where there is none or the process is gone. */
async function residentBytes(child: ChildProcess): Promise<number> {
  const statm = await readFile(`/proc/${child.pid ?? 0}/statm`, 'latin1').catch(() => '');
  return Number(statm.split(' ')[1] ?? 0) * PAGE_BYTES;
}
