import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { type DomainError, Invalid, toProblem } from '@atrium/platform/errors';

/** What a body has to bring after its grace, so that a large file may take its time but nobody holds a connection with a byte a minute. */
const MIN_BYTES_PER_SECOND = 4_096;
/** The time over which that is asked: what was brought before it buys no silence. Seconds. */
const RATE_SECONDS = 10;
const LOOKS_PER_WINDOW = 10;
/** How long a client that was refused may take to receive its answer. Milliseconds. */
const REFUSED_MS = 2_000;

/** Ends requests whose body does not come: within `seconds`, or after that with 4 KiB a second over each last 10 s. A server that does not read is no fault of the client. */
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
  const windowSeconds = Math.min(RATE_SECONDS, seconds);
  const lookMs = (windowSeconds * 1_000) / LOOKS_PER_WINDOW;
  const graceEndsAt = performance.now() + seconds * 1_000;
  const lately: number[] = [];
  let bytesBefore = socket.bytesRead;
  const timer = setInterval(() => {
    if (raw.complete || raw.destroyed) return;
    // What has come and was not read yet waits for us.
    lately.push(raw.readableLength > 0 ? Infinity : socket.bytesRead - bytesBefore);
    bytesBefore = socket.bytesRead;
    if (lately.length > LOOKS_PER_WINDOW) lately.shift();
    const bytes = lately.reduce((sum, came) => sum + came, 0);
    if (performance.now() < graceEndsAt || bytes >= windowSeconds * MIN_BYTES_PER_SECOND) return;
    clearInterval(timer);
    onSlow();
  }, lookMs).unref();
  raw.once('close', () => clearInterval(timer));
}

/** After its answer, if the client takes that. Whoever reads the body hears of the end: it would wait for ever. */
function endSoon({ raw }: FastifyRequest, reply: FastifyReply): void {
  raw.on('error', () => undefined);
  const end = () => raw.destroy(new Error('aborted'));
  const timer = setTimeout(end, REFUSED_MS).unref();
  reply.raw.once('finish', end);
  raw.once('close', () => clearTimeout(timer));
}

/** Answers what is no HTTP, or came too slowly to be a request. Who said nothing gets no answer: a pool would take it for that of its next request. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.bytesRead === 0) socket.destroy();
  else dismiss(socket, faultOf(error.code));
}

/** Ends a connection with a problem, as far as the client can still take it. */
export function dismiss(socket: Socket, fault: DomainError): void {
  const problem = toProblem(fault, { instance: '', requestId: uuidv7() });
  const body = JSON.stringify(problem);
  const { retryAfterSeconds } = fault.options;
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
        `${retryAfterSeconds === undefined ? '' : `Retry-After: ${retryAfterSeconds}\r\n`}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}

function faultOf(code: string | undefined): Invalid {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return tooSlow('The headers came too slowly.');
  if (code === 'HPE_HEADER_OVERFLOW') return new Invalid('request.too_large', 'The headers are larger than allowed.', { status: 431 });
  return new Invalid('request.malformed', 'The request is not well-formed.');
}

const tooSlow = (sentence: string) => new Invalid('request.too_slow', sentence, { status: 408 });
