import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Invalid } from '@atrium/platform/errors';
import type { SmallBodyConfig } from './small-body.decorator.js';
import { UnfinishedBodies } from './unfinished-bodies.js';

/** Largest JSON body. Bytes. */
export const MAX_JSON_BYTES = 2 ** 20;
const BELIEVED_AFTER_BYTES = 64 * 2 ** 10;
/** Deepest nesting of a JSON body. */
const MAX_DEPTH = 32;

export interface BodyHashed extends FastifyRequest {
  /** SHA-256 of the body's bytes, for idempotency. */
  bodyHash?: string;
}

/**
 * The only reader of JSON bodies: bounded in size and depth, and all that have not come whole together; no `__proto__` or
 * `constructor.prototype`, no key twice at the top.
 * @throws Invalid `request.malformed`, `request.too_large`; QuotaExceeded `request.rate_limited`; Unavailable `request.overloaded`
 */
export function acceptJson(fastify: FastifyInstance): void {
  const secure = fastify.getDefaultJsonParser('error', 'error');
  const unfinished = new UnfinishedBodies();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(['application/json', 'application/*+json'], (request, payload, done) => {
    collect(request, payload, unfinished, (error, bytes) => {
      if (error) {
        done(error, undefined);
        return;
      }
      (request as BodyHashed).bodyHash = createHash('sha256').update(bytes).digest('hex');
      if (bytes.length === 0) {
        done(null, undefined);
        return;
      }
      const text = decode(bytes);
      if (text === null || depthOf(text) > MAX_DEPTH) {
        done(malformed(text === null ? 'The body is not UTF-8.' : `The body is nested deeper than ${MAX_DEPTH} levels.`), undefined);
        return;
      }
      void secure(request, text, (fault, value) => done(fault ? malformed('The body is not well-formed JSON.') : null, value));
    });
  });
}

/** Reads the body whole into one buffer that grows: a list of what came would hold far more than the bytes when they come one by one. */
function collect(
  request: FastifyRequest,
  payload: IncomingMessage,
  unfinished: UnfinishedBodies,
  then: (error: Error | null, bytes: Buffer) => void,
): void {
  const max = (request.routeOptions.config as SmallBodyConfig).maxJsonBytes ?? MAX_JSON_BYTES;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > max) {
    then(tooLarge(), EMPTY);
    return;
  }
  let [bytes, length, isSettled] = [EMPTY, 0, false];
  const settle = (error: Error | null): void => {
    if (isSettled) return;
    isSettled = true;
    unfinished.end(body);
    const whole = bytes.subarray(0, length);
    bytes = EMPTY;
    // What still comes is read and forgotten until the connection ends with the answer.
    then(error, whole);
  };
  const body = unfinished.begin(request.ip, settle);
  payload.on('data', (piece: Buffer) => {
    if (isSettled) return;
    const needed = length + piece.length;
    if (needed > max) {
      settle(tooLarge());
      return;
    }
    if (needed > bytes.length) {
      // Who has sent that much is believed how much it will be: growing in steps leaves garbage behind.
      const room = needed > BELIEVED_AFTER_BYTES && announced > 0 ? announced : Math.min(max, 2 * bytes.length);
      const larger = Buffer.allocUnsafe(Math.max(needed, room));
      bytes.copy(larger, 0, 0, length);
      unfinished.grow(body, larger.length - bytes.length);
      // As others are, this one may be refused for what it holds.
      if (isSettled) return;
      bytes = larger;
    }
    piece.copy(bytes, length);
    length = needed;
  });
  payload.once('end', () => settle(null));
  payload.once('error', () => settle(malformed('The body ended early.')));
}

const EMPTY = Buffer.alloc(0);
const tooLarge = () => new Invalid('request.too_large', 'The body is larger than allowed.', { status: 413 });
const malformed = (message: string) => new Invalid('request.malformed', message, { places: [{ pointer: '', message }] });

function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The deepest nesting of brackets outside of strings. */
function depthOf(json: string): number {
  let depth = 0;
  let most = 0;
  let inString = false;
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (inString) {
      if (code === 92) index++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) most = Math.max(most, ++depth);
    else if (code === 93 || code === 125) depth--;
  }
  return most;
}
