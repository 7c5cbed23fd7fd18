import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of one connection that may wait for the answers before theirs; a connection that sends more ahead is cut. */
const MAX_WAITING = 100;

/**
 * Works on the requests of a connection one after the other: the next when the answer before it has left. Node would begin all that one
 * packet brings and keep their answers until the client reads, and one packet of 64 KiB holds two thousand requests.
 */
export function inTurn(handler: RequestListener): RequestListener {
  const lines = new WeakMap<Socket, (() => void)[]>();
  return (request, response) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const begin = (): void => {
      response.once('close', () => next(socket));
      handler(request, response);
    };
    const line = lines.get(socket);
    if (!line) {
      lines.set(socket, []);
      begin();
    } else if (line.length < MAX_WAITING) line.push(begin);
    else socket.destroy();
  };

  function next(socket: Socket): void {
    const begin = socket.destroyed ? undefined : lines.get(socket)?.shift();
    if (begin) begin();
    else lines.delete(socket);
  }
}
