import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Invalid } from '@atrium/platform/errors';

/** Largest JSON body. Bytes. */
export const MAX_JSON_BYTES = 2 ** 20;
/** Deepest nesting of a JSON body. */
const MAX_DEPTH = 32;

export interface BodyHashed extends FastifyRequest {
  /** SHA-256 of the body's bytes, for idempotency. */
  bodyHash?: string;
}

/**
 * The only reader of JSON bodies: bounded in size and depth, no `__proto__` or `constructor.prototype`, no key twice at the top.
 * @throws Invalid `request.malformed`
 */
export function acceptJson(fastify: FastifyInstance): void {
  const secure = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    ['application/json', 'application/*+json'],
    { parseAs: 'buffer', bodyLimit: MAX_JSON_BYTES },
    (request, body, done) => {
      const bytes = body as Buffer;
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
      void secure(request, text, (error, value) => done(error ? malformed('The body is not well-formed JSON.') : null, value));
    },
  );
}

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
