import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { Invalid, toProblem } from '@atrium/platform/errors';

/** What a body has to bring on average after its grace, so that a large file may take its time but nobody holds a connection with a byte a minute. */
const MIN_BYTES_PER_SECOND = 4_096;
/** How long a client that was refused may take to receive its answer. Milliseconds. */
const REFUSED_MS = 2_000;

/** Options of the HTTP server: headers that trickle end after `seconds`, an open connection without any too. Bodies are `hurryBodies`'. */
export const headerTimeouts = (seconds: number) => ({
  http: { headersTimeout: seconds * 1_000, connectionsCheckingInterval: Math.min(5_000, seconds * 500) },
  clientErrorHandler: refuseConnection,
});

/** Ends requests whose body does not come: within `seconds`, and a second more for each 4 KiB that came. A server that does not read is no fault of the client. */
export function hurryBodies(fastify: FastifyInstance, seconds: number): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (hasBody(request)) {
      watch(request, seconds, () => {
        if (!reply.raw.headersSent) {
          void reply.header('connection', 'close');
          void reply.send(tooSlow('The body came too slowly.'));
        }
        endSoon(request, reply);
      });
    }
    done();
  });
}

/** A connection that has not asked anything yet is no idle one to Node: the server's end would wait for it. */
export function dropSilent(fastify: FastifyInstance): void {
  const silent = new Set<Socket>();
  const spoke = ({ socket }: IncomingMessage) => silent.delete(socket);
  fastify.server.on('request', spoke).on('upgrade', spoke);
  fastify.server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  fastify.addHook('preClose', (done) => {
    for (const socket of silent) socket.destroy();
    done();
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function watch({ raw }: FastifyRequest, seconds: number, onSlow: () => void): void {
  const { socket } = raw;
  const startedAt = performance.now();
  const bytesBefore = socket.bytesRead;
  const look = (): void => {
    if (raw.complete || raw.destroyed) return;
    const allowedMs = (seconds + (socket.bytesRead - bytesBefore) / MIN_BYTES_PER_SECOND) * 1_000;
    const leftMs = startedAt + allowedMs - performance.now();
    // What has come and was not read yet waits for us.
    if (leftMs > 0 || raw.readableLength > 0) timer = setTimeout(look, Math.max(leftMs, 1_000)).unref();
    else onSlow();
  };
  let timer = setTimeout(look, seconds * 1_000).unref();
  raw.once('close', () => clearTimeout(timer));
}

/** After its answer, if the client takes that. Whoever reads the body hears of the end: it would wait for ever. */
function endSoon({ raw }: FastifyRequest, reply: FastifyReply): void {
  raw.on('error', () => undefined);
  const end = () => raw.destroy(new Error('aborted'));
  const timer = setTimeout(end, REFUSED_MS).unref();
  reply.raw.once('finish', end);
  raw.once('close', () => clearTimeout(timer));
}

/** Answers what is no HTTP, or came too slowly to be a request. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = toProblem(faultOf(error.code), { instance: '', requestId: uuidv7() });
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroy(error);
}

function faultOf(code: string | undefined): Invalid {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return tooSlow('The headers came too slowly.');
  if (code === 'HPE_HEADER_OVERFLOW') return new Invalid('request.too_large', 'The headers are larger than allowed.', { status: 431 });
  return new Invalid('request.malformed', 'The request is not well-formed.');
}

const tooSlow = (sentence: string) => new Invalid('request.too_slow', sentence, { status: 408 });
