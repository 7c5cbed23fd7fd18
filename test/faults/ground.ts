import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OwnPostgres } from '../lib/postgres.js';
import { freePort, Server } from '../lib/server.js';

export type Mode = 'embedded' | 'servers';
export const MODES: Mode[] = ['embedded', 'servers'];

/** Restart to ready takes at most 5 s on a quiet machine; three times that is demanded. Milliseconds. */
export const READY_MS = 15_000;

/** Where a server of the test stands: its data folder, its address and its database, which outlive the server. */
export interface Ground {
  dataDir: string;
  baseUrl: string;
  environment: Record<string, string>;
  postgres: OwnPostgres | null;
  /** Starts a server here without waiting for it. */
  begin(): Server;
  /** Starts a server here; ready when this settles. */
  serve(): Promise<Server>;
  remove(): Promise<void>;
}

export async function newGround(mode: Mode, more: Record<string, string> = {}): Promise<Ground> {
  const dataDir = mkdtempSync(join(tmpdir(), 'atrium-fault-'));
  const postgres = mode === 'servers' ? await OwnPostgres.start() : null;
  const environment = { ...more, ...(postgres ? { DATABASE_URL: await postgres.createDatabase() } : {}) };
  const port = await freePort();
  return {
    dataDir,
    baseUrl: `http://127.0.0.1:${port}`,
    environment,
    postgres,
    begin: () => new Server({ dataDir, environment, port }),
    serve: () => Server.start({ dataDir, environment, port }),
    remove: async () => {
      await postgres?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A figure for the report of the run. */
export function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The middle and the largest of some times. */
export function spread(ms: number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  return `median ${Math.round(sorted[sorted.length >> 1] ?? 0)} ms, most ${Math.round(sorted.at(-1) ?? 0)} ms`;
}
