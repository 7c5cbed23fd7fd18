import type { FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { Invalid, toProblem } from '@atrium/platform/errors';

/** Answers a URL that the router itself refuses: malformed, or with too long a part. No hook runs for it, so its headers are set here. */
export function refuseUrl(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const requestId = uuidv7();
  const problem = toProblem(new Invalid('request.malformed', 'The URL is not well-formed, or a part of it is too long.'), {
    instance: request.url.split('?')[0]?.slice(0, 500) ?? '',
    requestId,
  });
  void reply
    .status(problem.status)
    .headers({
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
    })
    .send(JSON.stringify(problem));
}
