import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

interface Progress {
  /** Bytes of the writes that were taken whole. */
  written: number;
  /** Bytes of the present write that were not taken yet. */
  queued: number;
  since: number;
}

/**
 * Ends connections whose client has taken nothing of what waits for it for `seconds`: an answer that nobody reads holds memory and files.
 * Who takes a little goes on, and so does a stream that has nothing to send. WebSockets have a stricter rule of their own.
 */
export function endUnread(server: Server, seconds: number): void {
  const open = new Map<Socket, Progress>();
  server.on('connection', (socket: Socket) => {
    open.set(socket, { written: 0, queued: 0, since: performance.now() });
    socket.once('close', () => open.delete(socket));
  });
  server.on('upgrade', ({ socket }: IncomingMessage) => open.delete(socket));
  let timer: NodeJS.Timeout | undefined;
  server.on('listening', () => {
    clearInterval(timer);
    timer = setInterval(() => look(open, seconds * 1_000), Math.min(1_000, seconds * 250)).unref();
  });
  server.on('close', () => clearInterval(timer));
}

function look(open: ReadonlyMap<Socket, Progress>, maxMs: number): void {
  const now = performance.now();
  for (const [socket, progress] of open) {
    const written = socket.bytesWritten - socket.writableLength;
    const queued = queuedBytes(socket);
    if (socket.writableLength === 0 || written !== progress.written || queued !== progress.queued) {
      Object.assign(progress, { written, queued, since: now });
    } else if (now - progress.since >= maxMs) socket.destroy();
  }
}

/** What the system has not taken of the present write: Node tells it nowhere else, and one large write may go on for long. */
function queuedBytes(socket: Socket): number {
  return (socket as Socket & { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0;
}
