import type { WebSocket } from 'ws';
import type { Outlet } from './connection.js';

/** How long a client may take to answer a close. Milliseconds. */
const CLOSE_MS = 2_000;

/** The way to a client over a WebSocket. */
export class SocketOutlet implements Outlet {
  readonly transport = 'websocket';

  constructor(private readonly socket: WebSocket) {}

  send(frame: string): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(frame, () => undefined);
  }

  backlogBytes(): number {
    return this.socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
    const force = setTimeout(() => this.socket.terminate(), CLOSE_MS).unref();
    this.socket.once('close', () => clearTimeout(force));
  }

  cut(): void {
    this.socket.terminate();
  }
}
