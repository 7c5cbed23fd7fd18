import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Outlet } from './connection.js';

/** The way to a client over server-sent events: `id` is the seq, `event` the type of the event or of the frame, `data` the frame. */
export class SseOutlet implements Outlet {
  readonly transport = 'sse';
  /** What the response is made of. */
  readonly body = new Readable({ read: () => undefined });

  constructor(private readonly response: ServerResponse) {
    this.body.on('error', () => undefined);
    // Tells clients how long to wait before they connect again, and proxies that this answer has begun.
    this.body.push('retry: 2000\n\n');
  }

  send(frame: string, name: string, id: number | null): void {
    if (!this.body.destroyed) this.body.push(`${id === null ? '' : `id: ${id}\n`}event: ${name}\ndata: ${frame}\n\n`);
  }

  /** Keeps proxies from closing a silent stream. */
  beat(): void {
    if (!this.body.destroyed && this.backlogBytes() === 0) this.body.push(':\n\n');
  }

  backlogBytes(): number {
    return this.body.readableLength + this.response.writableLength;
  }

  close(): void {
    if (!this.body.destroyed) this.body.push(null);
  }

  cut(): void {
    this.body.destroy();
    this.response.destroy();
  }
}
