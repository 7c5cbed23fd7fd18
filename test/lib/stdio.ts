import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { eventually } from './api.js';

export const MCP_PROGRAM = 'scripts/mcp.mjs';

export type Reply = { id?: unknown; result?: Record<string, unknown>; error?: { code: number; message: string; data?: unknown } };

const running = new Set<ChildProcess>();

/** Ends every process that a test left behind. */
export function killStdio(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** `npm run mcp` as a desktop client starts it, with every byte of its output kept. */
export class StdioProcess {
  readonly lines: string[] = [];
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private said = '';

  constructor(environment: Record<string, string>) {
    this.child = spawn(process.execPath, [MCP_PROGRAM], { env: { PATH: process.env['PATH'] ?? '', ...environment } });
    running.add(this.child);
    this.child.stderr?.on('data', (piece: Buffer) => (this.said += piece.toString()));
    createInterface({ input: this.child.stdout ?? process.stdin }).on('line', (line) => this.lines.push(line));
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code) => {
        running.delete(this.child);
        resolve(code);
      }),
    );
  }

  get stderr(): string {
    return this.said;
  }

  send(message: object | string): void {
    this.child.stdin?.write(`${typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** The answer to this request; everything that was said so far must be of the protocol. */
  async ask(id: number | string, method: string, params: object = {}): Promise<Reply> {
    this.send({ id, method, params });
    return eventually(`${method} is answered`, async () =>
      this.lines.map((line) => JSON.parse(line) as Reply).find((reply) => reply.id === id),
    );
  }

  /** As a client ends it. */
  end(): Promise<number | null> {
    this.child.stdin?.end();
    return this.ended;
  }
}
