import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Invalid } from '@atrium/platform/errors';

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/gi;
/** ASCII is UTF-8 as well. */
const READ_CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);

/**
 * Refuses, before anything of a body is read, what would be read otherwise than it was meant: more than one Host, a body that is encoded, and
 * one in another charset than UTF-8.
 */
export function refuseAmbiguous(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', ({ raw, headers }, _reply, done) => {
    if (!hasOneHost(raw)) return done(new Invalid('request.malformed', 'A request has one Host header.'));
    if (!['', 'identity'].includes(headers['content-encoding']?.trim().toLowerCase() ?? ''))
      return done(unread('Send the body as it is: no Content-Encoding is read.'));
    const isEmpty = headers['transfer-encoding'] === undefined && !(Number(headers['content-length'] ?? 0) > 0);
    const charsets = [...(isEmpty ? '' : (headers['content-type'] ?? '')).matchAll(CHARSET)].map(([, charset = '']) =>
      charset.toLowerCase(),
    );
    if (!charsets.every((charset) => READ_CHARSETS.has(charset))) return done(unread('Send the body in UTF-8: no other charset is read.'));
    done();
  });
}

/** Two programs on the way may believe different ones. */
export const hasOneHost = ({ rawHeaders }: IncomingMessage): boolean =>
  rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length < 2;

const unread = (sentence: string) => new Invalid('request.unsupported_media_type', sentence, { status: 415 });
